/* Trailer sections: fields behind a chunked body, without those that may not come that late. */
#include "wire/h1/parse.h"

int h1_parse_trailers(struct slice section, struct fields *ret_fields,
                      struct h1_refusal *ret_refusal)
{
    struct h1_facts facts = {0};
    struct h1_lines lines;
    h1_lines_init(&lines, section);
    int result = h1_parse_fields(&lines, ret_fields, &facts, ret_refusal);
    if (result < 0)
        return result;
    fields_drop_late(ret_fields);
    return 0;
}
