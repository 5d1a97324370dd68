/* nomem.h: what the programs' parts share that look at allocations which fail (FAULTS E8). */
#ifndef NOMEM_H
#define NOMEM_H

/* Aborts, naming the allocation that failed, unless `ok`. */
void check(int ok, const char *what);

/* After a call that found no memory: whether it is to be made again. Where all allocations fail, there is memory again
 * from the third time on. */
int once_more(void);

/* A run of windows that has to end as the first one did, which has all the memory it wants. */
void run_windows(void);

#endif
