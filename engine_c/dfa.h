/* dfa.h: user patterns as minimised byte automata, compiled by alogd/engine/dfa.py and only walked here.
 *
 * Matching is leftmost-longest and linear in the length of the text whatever the pattern: a table walk,
 * no backtracking, and a match is at most `max_match` bytes long (a number in the table, 256 by default): from
 * each byte at most that many are read, and a text that could only match further does not match. A text that lacks a
 * byte that all matches hold ('=' for \w+=\w+) costs about a nanosecond a byte; the worst, `max_match` steps a byte.
 *
 * Layout of a compiled table (little endian, no padding, validated by alog_dfa_load):
 *   magic "ALGD", u32 version (1)
 *   u32 states, u32 classes, u32 patterns, u32 max_match
 *   u32 start[3]              state before a match, after: nothing (text begins), a non-word byte, a word byte
 *   u8 class_of[256]          bytes that no pattern tells apart share a class
 *   u16 accept[states][4]     the pattern that matches when the walk has come here, 0xffff = none, where
 *                             [0] text goes on, no word boundary  [1] text goes on, word boundary
 *                             [2] text ends, no word boundary     [3] text ends, word boundary
 *   u16 next[states][classes] state 0 is dead
 *
 * Word bytes are 0-9 A-Z a-z and '_'. */
#ifndef ALOG_DFA_H
#define ALOG_DFA_H

#include "alog.h"

typedef struct alog_dfa alog_dfa;

/* Copies and validates a table; NULL with *status set when it is damaged or memory is out. */
alog_dfa *alog_dfa_load(const uint8_t *table, size_t len, alog_status *status);
void alog_dfa_free(alog_dfa *dfa);

/* Whether no pattern tells one digit from another. */
int alog_dfa_digits_alike(const alog_dfa *dfa);

/* 256 flags: of which bytes every match holds one. NULL when there are none such. */
const uint8_t *alog_dfa_must(const alog_dfa *dfa);

/* First match at or after `from`, which ends at or before `len`. Returns the number of the pattern that matched (a
 * table may hold several; of those that match the same bytes the lowest number wins) and its span; -1 when none.
 * '^' and '\b' at the begin look at the bytes before `from`; '$' and '\b' at the end take `len` as the end. */
int alog_dfa_find(const alog_dfa *dfa, const uint8_t *text, size_t len, size_t from, size_t *begin, size_t *end);

#endif
