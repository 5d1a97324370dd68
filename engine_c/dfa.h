/* dfa.h: user patterns as minimised byte automata, compiled by alogd/dfa.py and only walked here.
 *
 * Matching is leftmost-longest and linear in the length of the text whatever the pattern: a table walk,
 * no backtracking, and a match is at most `max_match` bytes long.
 *
 * Layout of a compiled table (little endian, validated by alog_dfa_load):
 *   magic "ALGD", u32 version, then what dfa.c documents. */
#ifndef ALOG_DFA_H
#define ALOG_DFA_H

#include "alog.h"

typedef struct alog_dfa alog_dfa;

/* Copies and validates a table; NULL with *status set when it is damaged or memory is out. */
alog_dfa *alog_dfa_load(const uint8_t *table, size_t len, alog_status *status);
void alog_dfa_free(alog_dfa *dfa);

/* First match at or after `from`. Returns the number of the pattern that matched (a table may hold
 * several; of those that match the same bytes the lowest number wins) and its span; -1 when none. */
int alog_dfa_find(const alog_dfa *dfa, const uint8_t *text, size_t len, size_t from, size_t *begin, size_t *end);

#endif
