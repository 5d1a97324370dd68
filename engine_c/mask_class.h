/* mask_class.h: the bytes by class, as the masks' regular expressions name them. */
#ifndef ALOG_MASK_CLASS_H
#define ALOG_MASK_CLASS_H

#include <stdint.h>

enum {
    CLASS_DIGIT = 1,
    CLASS_LETTER = 2,
    CLASS_UNDER = 4,
    CLASS_HEX_LOWER = 8,  /* a-f */
    CLASS_HEX_UPPER = 16, /* A-F */
    CLASS_PART = 32,      /* of a component of a path; ASCII only */
    CLASS_REST = 64,      /* of a URL or a Windows path; ASCII only */
    CLASS_START = 128,    /* a mask may begin here, or a run of letters does */
    CLASS_BIND = 256,     /* a slash behind one of these is not the begin of a path */
    CLASS_ALNUM = CLASS_DIGIT | CLASS_LETTER,
    CLASS_WORD = CLASS_ALNUM | CLASS_UNDER,
    CLASS_HEX = CLASS_DIGIT | CLASS_HEX_LOWER | CLASS_HEX_UPPER,
};

#define CLASS__R CLASS_REST
#define CLASS__P (CLASS_REST | CLASS_PART)
#define CLASS__S (CLASS_REST | CLASS_PART | CLASS_START)
#define CLASS__D (CLASS__S | CLASS_DIGIT)
#define CLASS__L (CLASS__S | CLASS_LETTER)
#define CLASS__H (CLASS__L | CLASS_HEX_LOWER)
#define CLASS__U (CLASS__L | CLASS_HEX_UPPER)
#define CLASS__B (CLASS_REST | CLASS_START)

/* Bytes from 0x80 on have no class. */
static const uint16_t alog_class[256] = {
    ['!'] = CLASS__P,
    ['#'] = CLASS__P,
    ['$'] = CLASS__P | CLASS_BIND,
    ['%'] = CLASS__P | CLASS_BIND,
    ['&'] = CLASS__P,
    ['*'] = CLASS__P | CLASS_BIND,
    ['+'] = CLASS__S,
    ['-'] = CLASS__S | CLASS_BIND,
    ['.'] = CLASS__P | CLASS_BIND,
    ['/'] = CLASS__B | CLASS_BIND,
    [':'] = CLASS__B,
    ['='] = CLASS__P,
    ['?'] = CLASS__P,
    ['@'] = CLASS__P,
    ['\\'] = CLASS__B,
    ['^'] = CLASS__R,
    ['`'] = CLASS__R,
    ['~'] = CLASS__P | CLASS_BIND,
    [')'] = CLASS_BIND,
    [']'] = CLASS_BIND,
    ['}'] = CLASS_BIND,
    ['>'] = CLASS_BIND,
    ['_'] = CLASS__P | CLASS_UNDER,
    ['0'] = CLASS__D,
    ['1'] = CLASS__D,
    ['2'] = CLASS__D,
    ['3'] = CLASS__D,
    ['4'] = CLASS__D,
    ['5'] = CLASS__D,
    ['6'] = CLASS__D,
    ['7'] = CLASS__D,
    ['8'] = CLASS__D,
    ['9'] = CLASS__D,
    ['a'] = CLASS__H,
    ['b'] = CLASS__H,
    ['c'] = CLASS__H,
    ['d'] = CLASS__H,
    ['e'] = CLASS__H,
    ['f'] = CLASS__H,
    ['g'] = CLASS__L,
    ['h'] = CLASS__L,
    ['i'] = CLASS__L,
    ['j'] = CLASS__L,
    ['k'] = CLASS__L,
    ['l'] = CLASS__L,
    ['m'] = CLASS__L,
    ['n'] = CLASS__L,
    ['o'] = CLASS__L,
    ['p'] = CLASS__L,
    ['q'] = CLASS__L,
    ['r'] = CLASS__L,
    ['s'] = CLASS__L,
    ['t'] = CLASS__L,
    ['u'] = CLASS__L,
    ['v'] = CLASS__L,
    ['w'] = CLASS__L,
    ['x'] = CLASS__L,
    ['y'] = CLASS__L,
    ['z'] = CLASS__L,
    ['A'] = CLASS__U,
    ['B'] = CLASS__U,
    ['C'] = CLASS__U,
    ['D'] = CLASS__U,
    ['E'] = CLASS__U,
    ['F'] = CLASS__U,
    ['G'] = CLASS__L,
    ['H'] = CLASS__L,
    ['I'] = CLASS__L,
    ['J'] = CLASS__L,
    ['K'] = CLASS__L,
    ['L'] = CLASS__L,
    ['M'] = CLASS__L,
    ['N'] = CLASS__L,
    ['O'] = CLASS__L,
    ['P'] = CLASS__L,
    ['Q'] = CLASS__L,
    ['R'] = CLASS__L,
    ['S'] = CLASS__L,
    ['T'] = CLASS__L,
    ['U'] = CLASS__L,
    ['V'] = CLASS__L,
    ['W'] = CLASS__L,
    ['X'] = CLASS__L,
    ['Y'] = CLASS__L,
    ['Z'] = CLASS__L,
};

#endif
