/* infer_options.c: reads the command line, and teaches it (infer_options.h). */
#define _GNU_SOURCE
#include "infer_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "infer_model.h"

enum { USAGE = 2, MOST_KEYS = 1 << 24, USUAL_KEYS = 1 << 18 };
enum { OPTION_ORT = 256, OPTION_FOLLOW, OPTION_KEYS };

static const char help[] =
    "usage: alog-infer -d MODEL.onnx -v vocab.json -i LOG -o RESULTS.json [options]\n"
    "\n"
    "Tell which lines of a log a trained DeepLog did not expect. No Python, no network, one core.\n"
    "\n"
    "  alogd retrain --from app.log --out models           train: makes models/current/\n"
    "  alog-infer -d models/current/deeplog.onnx -v models/current/vocab.json -i app.log -o results.json\n"
    "  zcat app.log.2.gz | alog-infer -d deeplog.onnx -v vocab.json -i - -o -\n"
    "  alog-infer -d deeplog.onnx -v vocab.json -i /var/log/app.log -o results.json --follow\n"
    "\n"
    "  -d, --model FILE     deeplog.onnx of a bundle\n"
    "  -v, --vocab FILE     its vocab.json; the engine's state (engine.alog) is read beside it\n"
    "  -i, --input LOG      a text log; - is standard input\n"
    "  -o, --output FILE    the results; - is standard output\n"
    "  -k, --k N            templates that count as expected (the model's own, mostly 9)\n"
    "  -w, --window N       templates before an event that the model sees; must be the model's own (mostly 10)\n"
    "      --follow         go on as the log grows, through rotation and truncation, until SIGINT or SIGTERM\n"
    "      --max-keys N     keys (programs, sessions) kept apart at once, 262144; the longest silent gives way\n"
    "      --ort PATH       ONNX Runtime's library; else ALOGD_ORT names it, else it is looked for: by the loader,\n"
    "                       beside this program, in $VIRTUAL_ENV, ~/.local, /usr/local, /usr, /opt/onnxruntime\n"
    "  -h, --help           this text\n"
    "\n"
    "Every line is judged from the templates before it with the same key, the key the model was trained with (mostly\n"
    "the program). It is an anomaly when its own template is not among the k likeliest:\n"
    "\n"
    "  {\"file\": 1, \"line\": 812, \"offset\": 90317, \"template\": \"connection reset by <IP>\",\n"
    "   \"expected\": [\"connection closed\", ...], \"rank\": 31, \"p\": 0.00021}\n"
    "\n"
    "The file is whole JSON when the program ends, on SIGTERM too, and with --follow after everything that was read.\n"
    "\n"
    "Exit codes: 0 done (or asked to stop), 1 failed, 2 wrong usage, 65 the model, vocabulary or log cannot be used.\n";

static int wrong(const char *what, const char *value) {
    fprintf(stderr, "alog-infer: %s%s; see alog-infer --help\n", what, value);
    return USAGE;
}

/* A number from 1 to `most`; 0 when it is none. */
static uint32_t read_number(const char *text, unsigned long most) {
    char *end;
    const unsigned long value = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && value <= most ? (uint32_t)value : 0;
}

static int take(alog_options *options, int option) {
    switch (option) {
    case 'd': options->model = optarg; return -1;
    case 'v': options->vocabulary = optarg; return -1;
    case 'i': options->log = optarg; return -1;
    case 'o': options->results = optarg; return -1;
    case OPTION_ORT: options->ort = optarg; return -1;
    case OPTION_FOLLOW: options->follow = 1; return -1;
    case 'k':
        options->k = read_number(optarg, INT32_MAX);
        return options->k ? -1 : wrong("-k: a number from 1 on, not ", optarg);
    case 'w':
        options->window = read_number(optarg, ALOG_MODEL_WINDOW);
        return options->window ? -1 : wrong("-w: a number from 1 to 512, not ", optarg);
    case OPTION_KEYS:
        options->most_keys = read_number(optarg, MOST_KEYS);
        return options->most_keys ? -1 : wrong("--max-keys: a number from 1 to 16777216, not ", optarg);
    case 'h': fputs(help, stdout); return 0;
    default: return wrong("wrong usage", ""); /* getopt has said what */
    }
}

int alog_options_read(alog_options *options, int argc, char **argv) {
    static const struct option names[] = {
        {"model", required_argument, NULL, 'd'},
        {"vocab", required_argument, NULL, 'v'},
        {"input", required_argument, NULL, 'i'},
        {"output", required_argument, NULL, 'o'},
        {"k", required_argument, NULL, 'k'},
        {"window", required_argument, NULL, 'w'},
        {"follow", no_argument, NULL, OPTION_FOLLOW},
        {"max-keys", required_argument, NULL, OPTION_KEYS},
        {"ort", required_argument, NULL, OPTION_ORT},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    *options = (alog_options){.most_keys = USUAL_KEYS};
    for (int option; (option = getopt_long(argc, argv, "d:v:i:o:k:w:h", names, NULL)) != -1;) {
        const int code = take(options, option);
        if (code >= 0) return code;
    }
    if (optind < argc) return wrong("unexpected argument ", argv[optind]);
    if (!options->model) return wrong("-d MODEL.onnx is missing", "");
    if (!options->vocabulary) return wrong("-v vocab.json is missing", "");
    if (!options->log) return wrong("-i LOG is missing", "");
    if (!options->results) return wrong("-o RESULTS.json is missing", "");
    return -1;
}
