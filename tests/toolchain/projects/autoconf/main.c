#include "config.h"

#include <stdio.h>
#include <string.h>

int part(void);

int main(void) {
  puts(FROM_CONFIGURE);
  return strcmp(FROM_CONFIGURE, "configured") || part() != 7;
}
