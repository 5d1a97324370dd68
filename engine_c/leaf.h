/* leaf.h: the clusters of one leaf, and which of them a line resembles most; nobody but Drain includes it.
 *
 * A small leaf is scanned. From INDEX_FROM clusters on it has postings (postings.h): for each key, which is a place in the
 * line or a pair of them, a hash table from what stands there to the clusters that came with it. How many tokens a cluster
 * can share that is in none of the chains walked so far is known, so only the shortest of a line's chains are walked, and
 * of the clusters in those only the ones looked at whose signature, a byte a token, may share enough. The answer is the
 * scan's, and the cost does not grow with the leaf while tokens, or pairs of them, are rare. Where too many are frequent
 * the walk gives up, and all signatures are looked at, in a row. Adding a cluster costs a step for each of its keys, and
 * another when postings are made anew, which happens after as many came as there were; removing one costs a step. Postings
 * take 18 to 28 bytes for each key of a cluster, of which there are at most two for each token. */
#ifndef ALOG_LEAF_H
#define ALOG_LEAF_H

#include "drain_state.h"

/* Makes `cluster`, which has a slot, the leaf's last. ALOG_FULL when memory is out: nothing changed. */
alog_status alog_leaf_add(alog_drain *drain, alog_node *leaf, alog_cluster *cluster);
/* Takes a cluster out of its leaf. */
void alog_leaf_remove(alog_drain *drain, alog_cluster *cluster);

/* Asks for the memory that a search of the leaf reads first, without waiting for it. */
void alog_leaf_expect(const alog_node *leaf, const alog_tokens *tokens);

/* The cluster with most equal tokens, at least `least` of them; among those the one with most wildcards; among those
 * the oldest. NULL when there is none; *equal gets the number. */
alog_cluster *alog_leaf_match(alog_drain *drain, alog_node *leaf, const alog_tokens *tokens, int64_t least,
                              int64_t *equal);
/* The same by looking at every cluster. */
alog_cluster *alog_leaf_scan(const alog_drain *drain, const alog_node *leaf, const alog_tokens *tokens, int64_t least,
                             int64_t *equal);

#endif
