/* Prints docs/metrics.md, which is made from the table of metrics. */
#include "base/cleanup.h"
#include "edge/metrics.h"

#include <stdio.h>

#define OUTPUT_BYTES_MAX 1048576

int main(void)
{
    SCOPED_FREE char *memory = memory_alloc_raw(OUTPUT_BYTES_MAX);
    if (memory == NULL)
        return 1;
    struct writer writer;
    writer_init(&writer, memory, OUTPUT_BYTES_MAX);
    metrics_write_markdown(&writer);
    struct slice text = writer_slice(&writer);
    return writer.overflown || fwrite(text.at, 1, text.len, stdout) != text.len;
}
