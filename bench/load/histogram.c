/* Latencies as counts: 32 buckets for each power of two, so that a quantile is true to three per cent. */
#include "load.h"

static int bucket_of(int64_t ns) {
    if (ns < 64) return ns < 0 ? 0 : (int)ns;
    int shift = 58 - __builtin_clzll((uint64_t)ns);
    return (shift + 1) * 32 + (int)(ns >> shift) - 32;
}

static int64_t middle_of(int bucket) {
    if (bucket < 64) return bucket;
    int shift = bucket / 32 - 1;
    int64_t low = (int64_t)(bucket % 32 + 32) << shift;
    return low + ((1LL << shift) >> 1);
}

void record(struct histogram *h, int64_t ns) {
    h->counts[bucket_of(ns)]++;
    h->total++;
    if (ns > h->most) h->most = ns;
}

double quantile_ms(const struct histogram *h, double share) {
    uint64_t wanted = (uint64_t)(share * (double)h->total), seen = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        seen += h->counts[bucket];
        if (seen > wanted) return (double)middle_of(bucket) / 1e6;
    }
    return (double)h->most / 1e6;
}
