/* Certificates that are wanted, and when they end: those of metrics.c that are about TLS. */
#include "base/cleanup.h"
#include "edge/metrics_internal.h"
#include "edge/state.h"

static const char *const failures[HANDSHAKE_FAILURES] = {
    [HANDSHAKE_PLAIN] = "plain",
    [HANDSHAKE_REFUSED] = "certificate",
    [HANDSHAKE_FOREIGN] = "nothing_in_common",
    [HANDSHAKE_SLOW] = "timeout",
    [HANDSHAKE_BROKEN] = "broken",
};

void metric_write_handshake_failures(struct metric_page *page, const struct metric *metric)
{
    for (unsigned i = 0; i < HANDSHAKE_FAILURES; i++) {
        metric_begin_sample(page, metric, "");
        metric_write_label(page, "reason", slice_of_cstr(failures[i]));
        metric_end_sample(page, page->report->sum.handshakes_failed[i]);
    }
}

void metric_write_certificates(struct metric_page *page, const struct metric *metric)
{
    const struct identities *identities = page->edge->plane->identities;
    for (unsigned i = 0; identities != NULL && i < identities->listed_count; i++) {
        const struct listed_certificate *listed = &identities->listed[i];
        bool is_present = listed->certificate != NULL;
        int64_t ends_s = is_present ? tls_certificate_not_after_s(listed->certificate) : 0;
        if (metric->place == CERTIFICATE_END && !is_present)
            continue;
        metric_begin_sample(page, metric, "");
        metric_write_label(page, "certificate", listed->name);
        metric_write_label(page, "source", certificate_source(listed));
        metric_end_sample(page, metric->place == CERTIFICATE_PRESENT ? is_present
                                : ends_s < 0                         ? 0
                                                                     : (uint64_t)ends_s);
    }
}
