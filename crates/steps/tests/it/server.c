/* The service of the test images: answers every request on PORT, as its environment says. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int setting(const char *name, int otherwise) {
    const char *value = getenv(name);
    return value ? atoi(value) : otherwise;
}

static void leave(int signal) {
    (void)signal;
    if (setting("LINGERS_MS", 0)) fputs("leaving\n", stderr);
    usleep(1000 * setting("LINGERS_MS", 0));
    _exit(setting("EXIT_ON_TERM", 0));
}

int main(void) {
    const char *said = getenv("SAYS");
    if (said) fprintf(stderr, "%s\n", said);
    if (getenv("EXIT")) {
        fputs("cannot go on\n", stderr);
        return setting("EXIT", 1);
    }
    signal(SIGTERM, leave);
    usleep(1000 * setting("LISTENS_AFTER_MS", 0));
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(setting("PORT", 8000)) };
    address.sin_addr.s_addr = htonl(getenv("LISTENS_ON_ALL") ? INADDR_ANY : INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16)) {
        perror("cannot listen");
        return 69;
    }
    for (;;) {
        int client = accept(listener, NULL, NULL);
        char request[4096], body[256], answer[512];
        if (client < 0 || read(client, request, sizeof request) < 0) continue;
        const char *version = getenv("VERSION");
        snprintf(body, sizeof body, "{\"data\":{\"version\":\"%s\"}}", version ? version : "");
        int length = snprintf(answer, sizeof answer,
            "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
            setting("STATUS", 200), strlen(body), body);
        if (write(client, answer, length) < 0) perror("write");
        shutdown(client, SHUT_WR);
        while (read(client, request, sizeof request) > 0) {}
        close(client);
    }
}
