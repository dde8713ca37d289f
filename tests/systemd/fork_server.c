/* Makes a program start once and then run as often as it is asked to: loaded before its libraries (ld.so --preload), it
 * stands where the program's main would be called, and calls that in a child for each request.
 *
 * A request, on descriptor 3: its length (4 bytes, of the host's order), then strings that end with a zero byte: the
 * file for output, that for complaints, variables of the environment, an empty string, the arguments. The answer: the
 * status as waitpid(2) gives it (4 bytes). It ends when descriptor 3 is closed. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUESTS = 3, SECONDS = 30 };

typedef int (*Main)(int, char **, char **);
typedef int (*Start)(Main, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

extern char **environ;
static Main program;

static void lead(const char *path, int descriptor, int flags) {
  int opened = open(path, flags | O_CLOEXEC, 0600);
  if (opened < 0 || dup2(opened, descriptor) < 0) _exit(127);
  close(opened);
}

static int all(char *to, size_t size) {
  while (size > 0) {
    ssize_t got = read(REQUESTS, to, size);
    if (got <= 0) return 0;
    to += got;
    size -= (size_t)got;
  }
  return 1;
}

static int run(char *request, size_t size, char *name) {
  char *end = request + size, *next = request;
  char *output = next;
  next += strlen(next) + 1;
  char *complaints = next;
  next += strlen(next) + 1;
  close(REQUESTS);
  lead("/dev/null", 0, O_RDONLY);
  lead(output, 1, O_WRONLY | O_CREAT | O_TRUNC);
  lead(complaints, 2, O_WRONLY | O_CREAT | O_TRUNC);
  clearenv();
  for (; *next; next += strlen(next) + 1) putenv(next);
  next++;
  int count = 1;
  for (char *at = next; at < end; at += strlen(at) + 1) count++;
  char **words = calloc((size_t)count + 1, sizeof *words);
  if (!words) _exit(127);
  words[0] = name;
  for (int at = 1; at < count; at++, next += strlen(next) + 1) words[at] = next;
  umask(022);
  alarm(SECONDS);
  return program(count, words, environ);
}

static int serve(int count, char **words, char **environment) {
  (void)count;
  (void)environment;
  uint32_t size;
  while (all((char *)&size, sizeof size)) {
    char *request = malloc(size);
    if (!request || !all(request, size)) return 1;
    pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) return run(request, size, words[0]);
    free(request);
    int status;
    if (waitpid(child, &status, 0) != child) return 1;
    if (write(REQUESTS, &status, sizeof status) != sizeof status) return 1;
  }
  return 0;
}

int __libc_start_main(Main main, int count, char **words, void (*init)(void), void (*fini)(void),
                      void (*loader)(void), void *stack) {
  Start start = (Start)dlsym(RTLD_NEXT, "__libc_start_main");
  program = main;
  return start(serve, count, words, init, fini, loader, stack);
}
