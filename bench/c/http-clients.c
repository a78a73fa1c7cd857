// HTTP clients that count every failure and repeat nothing.
// http-clients PORT SECONDS NEW_PER_SECOND KEEP_ALIVE_CLIENTS GAP_MS [PATH]
// Each new connection asks once with "Connection: close". Each keep-alive client asks, waits for the gap, asks again on
// the same connection, and connects anew only when the server has closed it. Prints one JSON line at the end.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "clock.h"

#define MOST_CONNECTIONS 20000
#define HEAD_SIZE 2048
#define ANSWER_TIMEOUT 10000000000LL
#define MOST_SAMPLES 4000000

enum outcome { OK, REFUSED, RESET, CLOSED, BAD, TIMEOUT, LOCAL, OUTCOMES };
static const char *names[OUTCOMES] = {"ok", "refused", "reset", "closed", "bad", "timeout", "local"};

struct client {
  int fd, keep, connecting, asked, closing, answered;  // fd -1: no connection
  long long due, asked_at, body_left;                  // body_left -1: head not complete
  int head_length;
  char head[HEAD_SIZE];
};

static struct client clients[MOST_CONNECTIONS];
static int unused[MOST_CONNECTIONS], unused_count, keep_count, epoll;
static long long counts[2][OUTCOMES];
static uint32_t *samples;
static int sample_count, in_flight;
static struct sockaddr_in server;
static char request[2][256];
static long long gap;

static void drop(struct client *c) {
  if (c->fd != -1) close(c->fd);
  c->fd = -1;
}

static void finish(struct client *c, enum outcome outcome, long long now) {
  counts[c->keep][outcome]++;
  if (outcome == OK && sample_count < MOST_SAMPLES) samples[sample_count++] = (now - c->asked_at) / 1000;
  in_flight--;
  c->asked = 0;
  c->answered = 1;
  c->due = now + gap;
  if (outcome != OK || c->closing || !c->keep) drop(c);
  if (!c->keep) unused[unused_count++] = c - clients;
}

static enum outcome outcome_of(int error) {
  if (error == ECONNREFUSED) return REFUSED;
  if (error == ECONNRESET || error == EPIPE) return RESET;
  return error == ETIMEDOUT ? TIMEOUT : LOCAL;
}

static void send_request(struct client *c, long long now) {
  ssize_t length = strlen(request[c->keep]);
  c->connecting = 0;
  c->head_length = 0;
  c->body_left = -1;
  ssize_t sent = send(c->fd, request[c->keep], length, MSG_NOSIGNAL);
  if (sent != length) finish(c, sent == -1 ? outcome_of(errno) : LOCAL, now);
}

static void ask(struct client *c, long long now) {
  in_flight++;
  c->asked = 1;
  c->asked_at = now;
  if (c->fd != -1) return send_request(c, now);
  c->closing = c->answered = 0;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd == -1) return finish(c, LOCAL, now);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  c->connecting = 1;
  if (connect(c->fd, (struct sockaddr *)&server, sizeof server) == -1 && errno != EINPROGRESS)
    return finish(c, outcome_of(errno), now);
  struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.u32 = c - clients}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

/** Returns 0 if the head is none that we understand. */
static int read_head(struct client *c) {
  char *end = strstr(c->head, "\r\n\r\n");
  if (end == NULL) return c->head_length < HEAD_SIZE - 1;
  *end = 0;
  char *length = strcasestr(c->head, "\r\ncontent-length:");
  if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0 || length == NULL) return 0;
  c->closing = strcasestr(c->head, "\r\nconnection: close") != NULL;
  c->body_left = atoll(length + 17) - (c->head_length - (end + 4 - c->head));
  return 1;
}

static void receive(struct client *c, long long now) {
  static char sink[65536];
  while (c->fd != -1) {
    int in_head = c->asked && c->body_left == -1;
    char *into = in_head ? c->head + c->head_length : sink;
    ssize_t length = recv(c->fd, into, in_head ? HEAD_SIZE - 1 - c->head_length : (int)sizeof sink, 0);
    if (length == -1 && errno == EAGAIN) return;
    if (length <= 0) {
      // Closed between two requests: a keep-alive client simply connects again.
      if (c->asked) finish(c, length == -1 ? outcome_of(errno) : CLOSED, now);
      else drop(c);
      return;
    }
    if (!c->asked) continue;
    if (in_head) {
      c->head_length += length;
      c->head[c->head_length] = 0;
      if (!read_head(c)) return finish(c, BAD, now);
    } else c->body_left -= length;
    if (c->body_left == 0) {
      finish(c, OK, now);
      if (c->keep && gap == 0) ask(c, now);
    }
  }
}

static void on_event(struct client *c, uint32_t events, long long now) {
  if (c->connecting && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
    int error = 0;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    if (error != 0) return finish(c, outcome_of(error), now);
    send_request(c, now);
  }
  if (c->fd != -1 && events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) receive(c, now);
}

static void ask_what_is_due(long long now) {
  for (int i = 0; i < keep_count; i++)
    if (!clients[i].asked && clients[i].due <= now) ask(&clients[i], now);
}

static void give_up_on_late_ones(long long now) {
  for (int i = 0; i < MOST_CONNECTIONS && in_flight > 0; i++)
    if (clients[i].asked && now - clients[i].asked_at > ANSWER_TIMEOUT) finish(&clients[i], TIMEOUT, now);
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static void print_counts(const char *label, const long long *of) {
  printf("\"%s\":{", label);
  for (int i = 0; i < OUTCOMES; i++) printf("%s\"%s\":%lld", i ? "," : "", names[i], of[i]);
  printf("},");
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  long long rate = atoll(argv[3]), began = nanoseconds(), until = began + atof(argv[2]) * 1e9, next_look = 0, started = 0;
  keep_count = atoi(argv[4]);
  gap = atof(argv[5]) * 1e6;
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  for (int keep = 0; keep < 2; keep++)
    snprintf(request[keep], sizeof request[keep], "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", argc > 6 ? argv[6] : "/",
             keep ? "" : "Connection: close\r\n");
  samples = malloc(MOST_SAMPLES * sizeof *samples);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = MOST_CONNECTIONS - 1; i >= 0; i--) {
    clients[i].fd = -1;
    clients[i].keep = i < keep_count;
    clients[i].due = began + (i < keep_count ? gap * i / keep_count : 0);
    if (!clients[i].keep) unused[unused_count++] = i;
  }
  struct epoll_event events[256];
  for (long long now = began; now < until || (in_flight > 0 && now < until + ANSWER_TIMEOUT); now = nanoseconds()) {
    for (; now < until && started < (now - began) * rate / 1000000000; started++) {
      if (unused_count > 0) ask(&clients[unused[--unused_count]], now);
      else counts[0][LOCAL]++;
    }
    if (now < until) ask_what_is_due(now);
    else gap = 1000000000000LL;
    if (now >= next_look) {
      give_up_on_late_ones(now);
      next_look = now + 500000000;
    }
    int count = epoll_wait(epoll, events, 256, 1);
    now = nanoseconds();
    for (int i = 0; i < count; i++) on_event(&clients[events[i].data.u32], events[i].events, now);
  }
  for (int i = 0; i < MOST_CONNECTIONS; i++)
    if (clients[i].asked) finish(&clients[i], TIMEOUT, until);
  qsort(samples, sample_count, sizeof *samples, by_size);
  putchar('{');
  print_counts("fresh", counts[0]);
  print_counts("keepAlive", counts[1]);
#define PERCENTILE(p) (sample_count ? samples[(int)((sample_count - 1) * (p))] / 1000.0 : 0)
  printf("\"perSecond\":%.1f,\"medianMs\":%.3f,\"p95Ms\":%.3f,\"p99Ms\":%.3f,\"maxMs\":%.3f}\n", (counts[0][OK] + counts[1][OK]) * 1e9 / (until - began),
         PERCENTILE(0.5), PERCENTILE(0.95), PERCENTILE(0.99), PERCENTILE(1));
  return 0;
}
