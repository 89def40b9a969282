/*
 * traceparent and tracestate. Holds: what is taken is written in the form of version 00 and read
 * again as the same; a state that is valid has no control byte and no more members than allowed.
 */
#include "fuzz.h"

#include "wire/http/trace_context.h"

static void try_parent(struct slice text)
{
    struct trace_parent parent, again;
    char room[TRACE_PARENT_BYTES];
    struct writer writer;
    if (trace_parent_parse(text, &parent) < 0)
        return;
    CHECK((parent.trace_high | parent.trace_low) != 0 && parent.span != 0);
    writer_init(&writer, room, sizeof room);
    trace_parent_write(&writer, &parent);
    CHECK(!writer.overflown && trace_parent_parse(writer_slice(&writer), &again) == 0);
    CHECK(again.trace_high == parent.trace_high && again.trace_low == parent.trace_low &&
          again.span == parent.span);
    CHECK(again.flags == (parent.flags & TRACE_FLAG_SAMPLED));
}

static void try_state(struct slice text)
{
    unsigned left = TRACE_STATE_MEMBERS_MAX, members = 0;
    struct slice rest = text, member;
    if (!trace_state_is_valid(text, &left))
        return;
    for (size_t i = 0; i < text.len; i++)
        CHECK((text.at[i] >= 0x20 && text.at[i] <= 0x7e) || text.at[i] == '\t');
    while (slice_cut(&rest, ',', &member))
        members += slice_trim(member).len > 0;
    CHECK(members + left == TRACE_STATE_MEMBERS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice text = slice_of(data, len);
    try_parent(text);
    try_state(text);
    return 0;
}
