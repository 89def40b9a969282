/*
 * Finds the end of a head while its bytes come in, and refuses what can no longer become one: 64
 * bytes a turn, as bit masks. The parser relies on what is checked here: all lines end in CRLF, and
 * no other control but tab stands in them.
 */
#include "wire/h1/block.h"
#include "wire/h1/parse.h"

#include "base/cleanup.h"

#include <errno.h>

/* The target's limit, with room for a method and the version; the parser looks closer. */
#define START_LINE_BYTES_MAX (HTTP_URI_BYTES_MAX + 64)

int h1_refuse(struct h1_refusal *ret_refusal, unsigned status, const char *text)
{
    *ret_refusal = (struct h1_refusal){status, text};
    return -EBADMSG;
}

static unsigned lowest_bit(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

/* The first `count` bits, at most 64. */
static uint64_t low_bits(unsigned count)
{
    return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

/*
 * Classifies fewer bytes than a block has, without reading behind them: with as many bytes before
 * them as make a block or, at the beginning of a message, in a copy.
 */
static struct block_masks classify_part(const char *at, unsigned count, uint32_t before)
{
    unsigned missing = BLOCK_BYTES - count;
    struct block_masks masks;
    if (LIKELY(before >= missing)) {
        masks = block_classify(at - missing);
        masks.cr >>= missing;
        masks.lf >>= missing;
        masks.other >>= missing;
        return masks;
    }
    char padded[BLOCK_BYTES];
    memset(padded, ' ', sizeof padded);
    memcpy(padded, at, count);
    return block_classify(padded);
}

/* Line ends of which the line before ended two bytes earlier: empty lines. */
static uint64_t empty_line_ends(const struct h1_scan *scan, uint64_t line_ends)
{
    uint64_t before = line_ends << 2;
    if (scan->line_start == scan->scanned)
        before |= 2; /* a block never begins between CR and LF */
    return line_ends & before;
}

static int refuse_byte(const struct block_masks *masks, uint64_t bad,
                       struct h1_refusal *ret_refusal)
{
    uint64_t first = bad & -bad;
    if ((masks->cr << 1) & first)
        return h1_refuse(ret_refusal, 400, "bare CR");
    if (masks->lf & first)
        return h1_refuse(ret_refusal, 400, "bare LF");
    return h1_refuse(ret_refusal, 400, "a control character");
}

/*
 * Counts the lines that end in `line_ends`, bits of the bytes from scan->scanned on; the line that
 * is still open reaches to `end`.
 */
static int count_lines(struct h1_scan *scan, uint64_t line_ends, uint32_t end, bool has_start_line,
                       struct h1_refusal *ret_refusal)
{
    bool in_start_line = has_start_line && scan->lines == 0;
    uint32_t bytes_max = in_start_line ? START_LINE_BYTES_MAX : HTTP_LINE_BYTES_MAX;
    /* Only the first can be long: the others begin and end in this block. */
    uint32_t first_end = line_ends == 0 ? end : scan->scanned + lowest_bit(line_ends) - 1;
    if (UNLIKELY(first_end > scan->line_start + bytes_max))
        return in_start_line ? h1_refuse(ret_refusal, 414, "start line too long")
                             : h1_refuse(ret_refusal, 431, "field line too long");
    for (; line_ends != 0; line_ends &= line_ends - 1) {
        scan->lines++;
        scan->line_start = scan->scanned + lowest_bit(line_ends) + 1;
    }
    if (UNLIKELY(scan->lines > HTTP_FIELDS_MAX + 1U + has_start_line))
        return h1_refuse(ret_refusal, 431, "too many fields");
    return 0;
}

static int scan_block(struct h1_scan *scan, const char *at, unsigned count, bool has_start_line,
                      struct h1_refusal *ret_refusal)
{
    struct block_masks masks =
        count == BLOCK_BYTES ? block_classify(at) : classify_part(at, count, scan->scanned);
    uint64_t empty = empty_line_ends(scan, masks.lf);
    /* Up to the end of the head; what lies behind is not ours. */
    unsigned len = empty == 0 ? count : lowest_bit(empty) + 1;
    uint64_t bad = ((masks.lf ^ (masks.cr << 1)) | masks.other) & low_bits(len);
    if (UNLIKELY(bad != 0))
        len = lowest_bit(bad);
    else if (empty == 0 && masks.cr >> (count - 1))
        len--; /* a CR at the end waits for what follows it */

    uint32_t end = scan->scanned + len;
    int result = count_lines(scan, masks.lf & low_bits(len), end, has_start_line, ret_refusal);
    if (result < 0)
        return result;
    if (UNLIKELY(bad != 0))
        return refuse_byte(&masks, bad, ret_refusal);
    scan->scanned = end;
    return empty == 0 ? 0 : (int)end;
}

static int scan_lines(struct h1_scan *scan, struct slice bytes, bool has_start_line,
                      struct h1_refusal *ret_refusal)
{
    size_t len = bytes.len < HTTP_HEAD_BYTES_MAX ? bytes.len : HTTP_HEAD_BYTES_MAX;
    while (scan->scanned < len) {
        uint32_t before = scan->scanned;
        size_t left = len - before;
        int end =
            scan_block(scan, bytes.at + before, left < BLOCK_BYTES ? (unsigned)left : BLOCK_BYTES,
                       has_start_line, ret_refusal);
        if (end != 0)
            return end;
        if (left <= BLOCK_BYTES)
            break;
    }
    if (len == HTTP_HEAD_BYTES_MAX)
        return h1_refuse(ret_refusal, 431, "head too long");
    return 0;
}

int h1_scan(struct h1_scan *scan, struct slice bytes, struct h1_refusal *ret_refusal)
{
    if (scan->scanned == 0 && bytes.len >= 2 && bytes.at[0] == '\r' && bytes.at[1] == '\n')
        scan->scanned = scan->line_start = 2;
    int len = scan_lines(scan, bytes, true, ret_refusal);
    if (len > 0 && scan->lines == 1)
        return h1_refuse(ret_refusal, 400, "no start line");
    return len;
}

int h1_scan_trailers(struct h1_scan *scan, struct slice bytes, struct h1_refusal *ret_refusal)
{
    return scan_lines(scan, bytes, false, ret_refusal);
}
