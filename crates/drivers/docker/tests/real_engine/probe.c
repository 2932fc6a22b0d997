/* The only program of the test images: what it does is its first argument. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void leave(int signal) { (void)signal; _exit(0); }

int main(int count, char **words) {
    const char *verb = count > 1 ? words[1] : "run";
    if (!strcmp(verb, "exit")) { /* exit CODE */
        fputs("going down\n", stderr);
        return atoi(words[2]);
    }
    if (!strcmp(verb, "say")) { /* say COUNT LINE */
        for (int i = 0; i < atoi(words[2]); i++) { printf("%s %d\n", words[3], i); fflush(stdout); }
        return 0;
    }
    if (!strcmp(verb, "write")) { /* write FILE */
        int file = open(words[2], O_CREAT | O_WRONLY, 0644);
        return file < 0 || write(file, "kept", 4) != 4;
    }
    if (!strcmp(verb, "exists")) { /* exists FILE */
        puts("looking");
        return access(words[2], F_OK) != 0;
    }
    if (!strcmp(verb, "env")) { /* env NAME */
        const char *value = getenv(words[2]);
        puts(value ? value : "(absent)");
        return 0;
    }
    signal(SIGTERM, leave);
    puts("up");
    fflush(stdout);
    for (;;) pause();
}
