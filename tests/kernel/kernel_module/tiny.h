/* What tiny exports to tiny_user. */

const char *tiny_source(void);
