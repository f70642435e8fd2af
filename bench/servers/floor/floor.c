/*
 * The floor: a loop that calls write() once per subscriber, with a frame that was built once. No server that uses one system
 * call per message and client can be cheaper. It implements as much of WebSockets as the load generator needs:
 * frames of less than 64 KiB, in order, from well-behaved clients.
 *
 * A client's text is S and a channel to subscribe to, or P, a channel, a space and the data for its subscribers. Both are
 * answered with R. Nothing is stored, checked, limited or measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FILES = 20000, BUFFER = 262144, EVENTS = 256, BUCKETS = 65536, NAME = 64 };

/* The response to the key of the example in RFC 6455, which the load generator always sends. */
static const char ACCEPTED[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

struct channel {
  struct channel *next;
  int count, room, *files;
  char name[NAME];
};

struct client {
  int upgraded;
  size_t kept;   /* bytes of an incomplete frame */
  char *rest;
};

static struct channel *channels[BUCKETS];
static struct client clients[MAX_FILES];
static char input[BUFFER];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void *checked(void *memory) {
  if (memory == NULL) fail("malloc");
  return memory;
}

static struct channel *channel_of(const char *name, size_t length) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)name[i]) * 16777619u;
  struct channel **bucket = &channels[hash % BUCKETS];
  for (struct channel *c = *bucket; c != NULL; c = c->next)
    if (strncmp(c->name, name, length) == 0 && c->name[length] == 0) return c;
  struct channel *c = checked(calloc(1, sizeof *c));
  memcpy(c->name, name, length);
  c->next = *bucket;
  return *bucket = c;
}

static void send_all(int file, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t sent = write(file, bytes, length);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return; /* ignore clients that have left; the load generator checks the counts */
    bytes += sent;
    length -= (size_t)sent;
  }
}

static void publish(struct channel *channel, const char *text, size_t length) {
  static char frame[BUFFER + 4];
  size_t header = length < 126 ? 2 : 4;
  frame[0] = (char)0x81;
  frame[1] = length < 126 ? (char)length : 126;
  frame[2] = (char)(length >> 8);
  frame[3] = (char)length;
  memcpy(frame + header, text, length);
  for (int i = 0; i < channel->count; i++) send_all(channel->files[i], frame, header + length);
}

static void request(int file, const char *text, size_t length) {
  const char *end = memchr(text, ' ', length);
  size_t name = (end == NULL ? length : (size_t)(end - text)) - 1;
  if (name >= NAME) return;
  struct channel *channel = channel_of(text + 1, name);
  if (text[0] == 'P' && end != NULL) {
    publish(channel, end + 1, length - name - 2);
  } else if (text[0] == 'S') {
    if (channel->count == channel->room) {
      channel->room = channel->room == 0 ? 1 : channel->room * 2;
      channel->files = checked(realloc(channel->files, (size_t)channel->room * sizeof(int)));
    }
    channel->files[channel->count++] = file;
  }
  send_all(file, "\x81\x01R", 3);
}

/* Handles complete frames. Returns the number of their bytes. */
static size_t frames(int file, char *bytes, size_t length) {
  size_t at = 0;
  for (;;) {
    unsigned char *head = (unsigned char *)bytes + at;
    if (length - at < 6) return at;
    size_t size = head[1] & 0x7f, start = 2;
    if (size == 126) {
      size = (size_t)head[2] << 8 | head[3];
      start = 4;
    }
    if (length - at < start + 4 + size) return at;
    unsigned char *mask = head + start, *text = mask + 4;
    for (size_t i = 0; i < size; i++) text[i] ^= mask[i % 4];
    if ((head[0] & 0x0f) == 1 && size > 1) request(file, (char *)text, size);
    at += start + 4 + size;
  }
}

static void readable(int file) {
  struct client *client = &clients[file];
  if (client->kept > 0) memcpy(input, client->rest, client->kept);
  ssize_t got = read(file, input + client->kept, BUFFER - client->kept);
  if (got <= 0) {
    close(file);
    return;
  }
  size_t length = client->kept + (size_t)got, done = 0;
  if (!client->upgraded) {
    /* Clients wait for the response, so nothing follows the request. */
    if (length < 4 || memcmp(input + length - 4, "\r\n\r\n", 4) != 0) fail("a request in pieces");
    client->upgraded = 1;
    send_all(file, ACCEPTED, sizeof ACCEPTED - 1);
    done = length;
  } else {
    done = frames(file, input, length);
  }
  client->kept = length - done;
  free(client->rest);
  client->rest = client->kept == 0 ? NULL : checked(malloc(client->kept));
  if (client->kept > 0) memcpy(client->rest, input + done, client->kept);
}

int main(void) {
  const char *port = getenv("PORT");
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port == NULL ? "0" : port)), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0) fail("listen");
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(poll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      int file = events[i].data.fd;
      if (file != listener) {
        readable(file);
        continue;
      }
      int accepted = accept(listener, NULL, NULL);
      if (accepted < 0) continue;
      if (accepted >= MAX_FILES) fail("too many files");
      setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      free(clients[accepted].rest);
      clients[accepted] = (struct client){0};
      event = (struct epoll_event){.events = EPOLLIN, .data.fd = accepted};
      epoll_ctl(poll, EPOLL_CTL_ADD, accepted, &event);
    }
  }
}
