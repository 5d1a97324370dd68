/* mask_device.c: masks of the names that the kernel gives to disks, interfaces and terminals. */
#include "mask_text.h"

static size_t numbered(alog_text t, size_t i, size_t most) {
    const size_t end = run_upto(t, i, CLASS_DIGIT, most);
    return end > i ? end : 0;
}

size_t alog_match_dev(alog_text t, size_t i) {
    size_t end = 0;
    const uint8_t prior = before(t, i, 1);
    if (!begins(t, i, "/dev", 4) || is(prior, CLASS_WORD) || prior == '.' || prior == '-') return 0;
    for (i += 4; at(t, i) == '/';) {
        size_t j = i + 1;
        while (is(at(t, j), CLASS_WORD) || at(t, j) == '.' || at(t, j) == '+' || at(t, j) == '-') j++;
        if (j == i + 1) break;
        end = i = j;
    }
    return end;
}

/* tty, ttyS, ttyUSB */
static size_t device_tty(alog_text t, size_t i) {
    size_t j = i + 3;
    while (j < i + 6 && at(t, j) >= 'A' && at(t, j) <= 'Z') j++;
    return numbered(t, j, 4);
}

/* sda1, hdb2, vda1, xvda1 */
static size_t device_disk(alog_text t, size_t i) {
    i += at(t, i) == 'x';
    const uint8_t c = at(t, i);
    if (at(t, i + 1) != 'd') return 0;
    if (c != 'v' && (before(t, i, 1) == 'x' || (c != 'h' && c != 's'))) return 0;
    size_t j = i + 2;
    while (j < i + 4 && at(t, j) >= 'a' && at(t, j) <= 'z') j++;
    return j > i + 2 ? numbered(t, j, 3) : 0;
}

/* nvme0n1p2, mmcblk0p1 */
static size_t device_flash(alog_text t, size_t i) {
    if (begins(t, i, "nvme", 4)) {
        i = numbered(t, i + 4, 3);
        if (!i || at(t, i++) != 'n') return 0;
    } else if (begins(t, i, "mmcblk", 6)) {
        i += 6;
    } else {
        return 0;
    }
    const size_t end = numbered(t, i, 3);
    const size_t part = end && at(t, end) == 'p' ? numbered(t, end + 1, 3) : 0;
    return part ? part : end;
}

/* eno1, ens3, enp3s0f1, wlp2s0 */
static size_t device_slot(alog_text t, size_t i) {
    if (!begins(t, i, "en", 2) && !begins(t, i, "wl", 2)) return 0;
    i += 2;
    if (at(t, i) == 'p') {
        i = numbered(t, i + 1, 3);
        if (!i || at(t, i++) != 's') return 0;
    } else if (at(t, i) == 'o' || at(t, i) == 's') {
        i++;
    } else {
        return 0;
    }
    const size_t end = numbered(t, i, 4);
    const size_t function = end && at(t, end) == 'f' ? numbered(t, end + 1, 3) : 0;
    return function ? function : end;
}

static size_t device_name(alog_text t, size_t i) {
    static const struct {
        char name[7];
        uint8_t len;
    } plain[] = {{"eth", 3}, {"wlan", 4}, {"bond", 4}, {"team", 4},  {"tun", 3},    {"tap", 3},
                 {"ppp", 3}, {"ib", 2},   {"br", 2},   {"virbr", 5}, {"docker", 6}, {"loop", 4},
                 {"sr", 2},  {"vcs", 3},  {"vcsa", 4}, {"dm-", 3},   {"pts/", 4}};
    for (size_t k = 0; k < sizeof plain / sizeof *plain; k++) {
        if (t.p[i] != (uint8_t)plain[k].name[0] || !begins(t, i, plain[k].name, plain[k].len)) continue;
        const size_t end = numbered(t, i + plain[k].len, 4);
        if (end) return end;
    }
    if (begins(t, i, "tty", 3)) return device_tty(t, i);
    const size_t disk = device_disk(t, i);
    if (disk) return disk;
    const size_t flash = device_flash(t, i);
    return flash ? flash : device_slot(t, i);
}

size_t alog_match_device(alog_text t, size_t i, size_t letters) {
    const uint8_t prior = before(t, i, 1), next = at(t, letters);
    if (is(prior, CLASS_WORD) || prior == '.' || prior == '-') return 0;
    if (letters - i > 6 || !(digit(next) || next == '-' || next == '/')) return 0;
    const size_t end = device_name(t, i);
    return end && !is(at(t, end), CLASS_WORD) ? end : 0;
}
