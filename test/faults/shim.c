/*
 * Preloaded into a process (LD_PRELOAD), it counts the calls that touch files below one directory, and at the N-th of a
 * kind fails it, cuts it short or kills the process. Everything else passes through untouched.
 *
 *   FAULTS_ROOT   the directory, absolute
 *   FAULTS_STATE  a file of 4096 bytes, mapped by this process and read from outside: `struct state` below. Whoever writes
 *                 another rule there and then raises `generation` begins anew, with all counts at zero
 *   FAULTS_RULE   the first rule: KINDS PART AT ACTION LASTING
 *
 *   KINDS    any, or names joined by `+`: open read write sync rename truncate unlink close mkdir rmdir
 *   PART     any, or the file's: journal segment index checkpoint manifest directory other
 *   AT       1 is the first call that matches; 0 only counts
 *   ACTION   EIO ENOSPC EDQUOT EMFILE ENFILE EROFS; short: half of a read or write; kill-before, kill-half, kill-after;
 *            EIO+drop, ENOSPC+drop: of a failed sync, what was written since the last good one is gone, as the kernel does
 *            it, which marks pages clean that never reached the disk
 *   LASTING  once; on: from that call on, and then a full disk says that it is full
 *
 * A sync that does not fail is not passed on: nobody cuts the power here.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

enum kind { OPEN, READ, WRITE, SYNC, RENAME, TRUNCATE, UNLINK, CLOSE, MKDIR, RMDIR, KINDS };
static const char *const kind_names[KINDS] = {"open",   "read",  "write", "sync",  "rename",
                                              "truncate", "unlink", "close", "mkdir", "rmdir"};

enum part { JOURNAL, SEGMENT, INDEX, CHECKPOINT, MANIFEST, DIRECTORY, OTHER, PARTS };
static const char *const part_names[PARTS] = {"journal",  "segment",   "index", "checkpoint",
                                              "manifest", "directory", "other"};

/* Little-endian words of 64 bits, and text that ends with a zero. */
struct state {
  _Atomic uint64_t generation;
  /* Calls below the root that the rule is about, of all kinds and of each. */
  _Atomic uint64_t reached;
  _Atomic uint64_t counts[KINDS];
  /* How many of them were failed or cut short. */
  _Atomic uint64_t injected;
  /* Syncs of a journal file or a segment after one of it had failed, and writes to a journal file after that. */
  _Atomic uint64_t retried;
  /* Descriptors that are open below the root. */
  _Atomic uint64_t open;
  /* Equal to `generation`: nothing is failed any more, though all is counted. Set from outside. */
  _Atomic uint64_t lifted;
  char rule[256];
  /* The first call that was failed. */
  char hit[512];
};

enum action { FAIL, SHORT, KILL_BEFORE, KILL_HALF, KILL_AFTER };

struct rule {
  unsigned kinds;
  int part; /* -1: any */
  uint64_t at;
  enum action action;
  int error;
  int drop;
  int lasting;
};

static struct state private_state;
static struct state *state = &private_state;
static char root[4096];
static size_t root_length;
static struct rule rule;
static _Atomic uint64_t known_generation;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* By descriptor. */
#define MAX_FD 65536
static struct {
  _Atomic int tracked;
  int part;
  dev_t dev;
  ino_t ino;
} files[MAX_FD];

/* What a file held before a write or a truncation that no sync has covered yet; the newest first. */
struct undo {
  struct undo *next;
  dev_t dev;
  ino_t ino;
  uint64_t serial;
  off_t at;
  size_t held;    /* bytes that were there */
  size_t written; /* bytes that took their place; what had not been there becomes zeros */
  char bytes[];
};
static struct undo *undos;
static uint64_t serial;

/* Files of which a sync, or in the journal a write, has failed. */
struct failed {
  struct failed *next;
  dev_t dev;
  ino_t ino;
};
static struct failed *failures;

/* The C library's own function; looked up once. */
#define REAL(name) ((__typeof__(&name))real(#name, &real_##name))
#define DECLARE(name) static void *real_##name
static void *real(const char *name, void **known) {
  if (*known == NULL) *known = dlsym(RTLD_NEXT, name);
  return *known;
}
DECLARE(open);
DECLARE(opendir);
DECLARE(scandir);
DECLARE(read);
DECLARE(readv);
DECLARE(pread);
DECLARE(preadv);
DECLARE(write);
DECLARE(writev);
DECLARE(pwrite);
DECLARE(pwritev);
DECLARE(fsync);
DECLARE(fdatasync);
DECLARE(rename);
DECLARE(ftruncate);
DECLARE(unlink);
DECLARE(close);
DECLARE(mkdir);
DECLARE(rmdir);
DECLARE(statfs);
DECLARE(syscall);

static void wrong(const char *what) {
  fprintf(stderr, "faults: %s\n", what);
  _exit(97);
}

static int errno_of(const char *name, size_t length) {
  static const struct {
    const char *name;
    int value;
  } known[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT},
               {"EMFILE", EMFILE}, {"ENFILE", ENFILE}, {"EROFS", EROFS}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i].name) == length && strncmp(known[i].name, name, length) == 0) return known[i].value;
  return 0;
}

static struct rule parse_rule(const char *text) {
  struct rule parsed = {0};
  char kinds[128], part[32], action[32], lasting[16];
  unsigned long long at;
  if (sscanf(text, "%127s %31s %llu %31s %15s", kinds, part, &at, action, lasting) != 5) wrong("not a rule");
  char *rest = kinds;
  for (char *name; (name = strsep(&rest, "+")) != NULL;) {
    unsigned before = parsed.kinds;
    for (int i = 0; i < KINDS; i++)
      if (strcmp(name, kind_names[i]) == 0 || strcmp(name, "any") == 0) parsed.kinds |= 1u << i;
    if (parsed.kinds == before) wrong("unknown kind of call");
  }
  parsed.part = -1;
  for (int i = 0; i < PARTS; i++)
    if (strcmp(part, part_names[i]) == 0) parsed.part = i;
  if (parsed.part == -1 && strcmp(part, "any") != 0) wrong("unknown part");
  parsed.at = at;
  char *plus = strchr(action, '+');
  size_t length = plus == NULL ? strlen(action) : (size_t)(plus - action);
  parsed.drop = plus != NULL;
  parsed.error = errno_of(action, length);
  if (parsed.error != 0) parsed.action = FAIL;
  else if (strcmp(action, "short") == 0) parsed.action = SHORT;
  else if (strcmp(action, "kill-before") == 0) parsed.action = KILL_BEFORE;
  else if (strcmp(action, "kill-half") == 0) parsed.action = KILL_HALF;
  else if (strcmp(action, "kill-after") == 0) parsed.action = KILL_AFTER;
  else wrong("unknown action");
  parsed.lasting = strcmp(lasting, "on") == 0;
  return parsed;
}

static void forget_all(void) {
  for (struct undo *next; undos != NULL; undos = next) {
    next = undos->next;
    free(undos);
  }
  for (struct failed *next; failures != NULL; failures = next) {
    next = failures->next;
    free(failures);
  }
}

static int is_lifted(void) { return atomic_load(&state->lifted) == atomic_load(&state->generation); }

/* Takes over the rule that stands in the state, if it is another one. */
static void look_at_rule(void) {
  if (atomic_load(&state->generation) == atomic_load(&known_generation)) return;
  pthread_mutex_lock(&lock);
  /* Again: a thread that had to wait here must not begin anew what others have begun. */
  uint64_t generation = atomic_load(&state->generation);
  if (generation != atomic_load(&known_generation)) {
    forget_all();
    rule = parse_rule(state->rule);
    for (int i = 0; i < KINDS; i++) atomic_store(&state->counts[i], 0);
    atomic_store(&state->reached, 0);
    atomic_store(&state->injected, 0);
    atomic_store(&state->retried, 0);
    state->hit[0] = 0;
    atomic_store(&known_generation, generation);
  }
  pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void begin(void) {
  const char *directory = getenv("FAULTS_ROOT"), *path = getenv("FAULTS_STATE"), *text = getenv("FAULTS_RULE");
  if (directory == NULL || path == NULL || text == NULL) return;
  int fd = REAL(open)(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd == -1 || REAL(ftruncate)(fd, 4096) == -1) wrong("FAULTS_STATE cannot be opened");
  state = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (state == MAP_FAILED) wrong("FAULTS_STATE cannot be mapped");
  REAL(close)(fd);
  snprintf(state->rule, sizeof state->rule, "%s", text);
  atomic_fetch_add(&state->generation, 1);
  look_at_rule();
  snprintf(root, sizeof root, "%s", directory);
  root_length = strlen(root);
}

static int ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

static int begins_with(const char *text, const char *begin) { return strncmp(text, begin, strlen(begin)) == 0; }

static int part_of(const char *path) {
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  if (ends_with(name, ".wal") || begins_with(name, "spare-")) return JOURNAL;
  if (begins_with(name, "checkpoint")) return CHECKPOINT;
  if (begins_with(name, "topic.json")) return MANIFEST;
  if (ends_with(name, ".log")) return SEGMENT;
  if (ends_with(name, ".index")) return INDEX;
  if (begins_with(name, "clock.json") || begins_with(name, "format.json") || strcmp(name, "lock") == 0) return OTHER;
  struct stat found;
  if (stat(path, &found) == 0 && !S_ISDIR(found.st_mode)) return OTHER;
  return DIRECTORY;
}

/* Its part if the path is below the root, else -1. */
static int place_of(const char *path) {
  char absolute[8192];
  if (root_length == 0 || path == NULL) return -1;
  if (path[0] != '/') {
    char here[4096];
    if (getcwd(here, sizeof here) == NULL) return -1;
    snprintf(absolute, sizeof absolute, "%s/%s", here, path);
    path = absolute;
  }
  if (strncmp(path, root, root_length) != 0 || (path[root_length] != '/' && path[root_length] != 0)) return -1;
  return part_of(path);
}

static int place_of_file(int fd) {
  return fd >= 0 && fd < MAX_FD && atomic_load(&files[fd].tracked) ? files[fd].part : -1;
}

static int is_failed(dev_t dev, ino_t ino) {
  for (struct failed *at = failures; at != NULL; at = at->next)
    if (at->dev == dev && at->ino == ino) return 1;
  return 0;
}

static void note_failed(int fd) {
  pthread_mutex_lock(&lock);
  if (!is_failed(files[fd].dev, files[fd].ino)) {
    struct failed *made = malloc(sizeof *made);
    *made = (struct failed){failures, files[fd].dev, files[fd].ino};
    failures = made;
  }
  pthread_mutex_unlock(&lock);
}

static void note_use(int fd) {
  pthread_mutex_lock(&lock);
  if (is_failed(files[fd].dev, files[fd].ino)) atomic_fetch_add(&state->retried, 1);
  pthread_mutex_unlock(&lock);
}

/* A name goes, and the number of its file may soon be another's. */
static void forget_file(const char *path) {
  struct stat found;
  if (stat(path, &found) == -1 || S_ISDIR(found.st_mode)) return;
  pthread_mutex_lock(&lock);
  for (struct failed **at = &failures; *at != NULL;) {
    struct failed *one = *at;
    if (one->dev == found.st_dev && one->ino == found.st_ino) {
      *at = one->next;
      free(one);
    } else at = &one->next;
  }
  for (struct undo **at = &undos; *at != NULL;) {
    struct undo *one = *at;
    if (one->dev == found.st_dev && one->ino == found.st_ino) {
      *at = one->next;
      free(one);
    } else at = &one->next;
  }
  pthread_mutex_unlock(&lock);
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void note_hit(enum kind kind, int part, const char *path, int fd) {
  if (atomic_fetch_add(&state->injected, 1) > 0) return;
  char link[64], target[400] = "";
  if (path == NULL) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = 0;
    path = target;
  }
  const char *shown = strncmp(path, root, root_length) == 0 ? path + root_length : path;
  snprintf(state->hit, sizeof state->hit, "%s of %s %.400s", kind_names[kind], part_names[part], shown);
}

enum verdict { PASS, FAILED, HALF, LAST };

/* Counts the call, and says what is to become of it; errno is set for FAILED. LAST: the process ends behind it. */
static enum verdict judge(enum kind kind, int part, const char *path, int fd) {
  if (part == -1) return PASS;
  look_at_rule();
  if (!(rule.kinds & (1u << kind)) || (rule.part != -1 && rule.part != part)) return PASS;
  atomic_fetch_add(&state->counts[kind], 1);
  uint64_t number = atomic_fetch_add(&state->reached, 1) + 1;
  if (is_lifted() || rule.at == 0 || number < rule.at || (number > rule.at && !rule.lasting)) return PASS;
  int is_transfer = kind == READ || kind == WRITE;
  if ((rule.action == SHORT || rule.action == KILL_HALF) && !is_transfer) return PASS;
  note_hit(kind, part, path, fd);
  switch (rule.action) {
    case FAIL: errno = rule.error; return FAILED;
    case SHORT:
    case KILL_HALF: return HALF;
    case KILL_AFTER: return LAST;
    default: die(); return FAILED;
  }
}

/* Behind a call that was judged. */
static void after(enum verdict verdict) {
  if (verdict == LAST || (verdict == HALF && rule.action == KILL_HALF)) die();
}

static void track(int fd, int part) {
  struct stat found;
  if (part == -1 || fd < 0 || fd >= MAX_FD || fstat(fd, &found) == -1) return;
  files[fd].part = S_ISDIR(found.st_mode) ? DIRECTORY : part;
  files[fd].dev = found.st_dev;
  files[fd].ino = found.st_ino;
  atomic_store(&files[fd].tracked, 1);
  atomic_fetch_add(&state->open, 1);
}

static int open_counted(const char *path, int flags, mode_t mode) {
  int part = place_of(path);
  enum verdict verdict = judge(OPEN, part, path, -1);
  if (verdict == FAILED) return -1;
  int fd = REAL(open)(path, flags, mode);
  after(verdict);
  track(fd, part);
  return fd;
}

#define WITH_MODE                                   \
  mode_t mode = 0;                                  \
  if (flags & (O_CREAT | __O_TMPFILE)) {            \
    va_list rest;                                   \
    va_start(rest, flags);                          \
    mode = va_arg(rest, mode_t);                    \
    va_end(rest);                                   \
  }

int open(const char *path, int flags, ...) {
  WITH_MODE
  return open_counted(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  WITH_MODE
  return open_counted(path, flags, mode);
}

DIR *opendir(const char *path) {
  enum verdict verdict = judge(OPEN, place_of(path), path, -1);
  if (verdict == FAILED) return NULL;
  DIR *opened = REAL(opendir)(path);
  after(verdict);
  return opened;
}

int scandir64(const char *restrict path, struct dirent64 ***restrict names, int (*select)(const struct dirent64 *),
              int (*compare)(const struct dirent64 **, const struct dirent64 **)) {
  enum verdict verdict = judge(OPEN, place_of(path), path, -1);
  if (verdict == FAILED) return -1;
  int count = ((__typeof__(&scandir64))real("scandir64", &real_scandir))(path, names, select, compare);
  after(verdict);
  return count;
}

static size_t length_of(const struct iovec *pieces, int count) {
  size_t length = 0;
  for (int i = 0; i < count; i++) length += pieces[i].iov_len;
  return length;
}

/* The first bytes of the pieces, as pieces; returns how many of them. */
static int cut(const struct iovec *pieces, int count, size_t bytes, struct iovec *kept) {
  int used = 0;
  for (; used < count && bytes > 0; used++) {
    kept[used] = pieces[used];
    if (kept[used].iov_len > bytes) kept[used].iov_len = bytes;
    bytes -= kept[used].iov_len;
  }
  return used;
}

/* Half of it, and of a single byte all. */
static size_t half_of(size_t bytes) { return bytes < 2 ? bytes : bytes / 2; }

/* Another way to the file of a descriptor that may be for reading or writing only. */
static int reopened(int fd, int flags) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  return REAL(open)(link, flags | O_CLOEXEC, 0);
}

/* Keeps what the file holds where `written` bytes are going to be, of which a truncation writes none. */
static void keep_old(int fd, off_t at, size_t written, size_t bytes) {
  struct undo *made = malloc(sizeof *made + bytes);
  int other = reopened(fd, O_RDONLY);
  ssize_t held = other == -1 ? 0 : REAL(pread)(other, made->bytes, bytes, at);
  if (other != -1) REAL(close)(other);
  made->next = undos;
  made->dev = files[fd].dev;
  made->ino = files[fd].ino;
  made->serial = ++serial;
  made->at = at;
  made->held = held < 0 ? 0 : (size_t)held;
  made->written = written;
  undos = made;
}

/* Behind a good sync: what came before it stays. */
static void settle(int fd, uint64_t until) {
  pthread_mutex_lock(&lock);
  for (struct undo **at = &undos; *at != NULL;) {
    struct undo *one = *at;
    if (one->serial <= until && one->dev == files[fd].dev && one->ino == files[fd].ino) {
      *at = one->next;
      free(one);
    } else at = &one->next;
  }
  pthread_mutex_unlock(&lock);
}

/* Behind a failed one: the file holds what it held at the last good one, in the size that it has. */
static void drop_unsynced(int fd) {
  pthread_mutex_lock(&lock);
  int other = reopened(fd, O_WRONLY);
  for (struct undo **at = &undos; *at != NULL;) {
    struct undo *one = *at;
    if (one->dev != files[fd].dev || one->ino != files[fd].ino) {
      at = &one->next;
      continue;
    }
    char *zeros = calloc(1, one->written + 1);
    if (other != -1) {
      if (one->held > 0 && REAL(pwrite)(other, one->bytes, one->held, one->at) < 0) wrong("old bytes cannot be restored");
      if (one->written > one->held) {
        size_t missing = one->written - one->held;
        if (REAL(pwrite)(other, zeros, missing, one->at + (off_t)one->held) < 0) wrong("zeros cannot be written");
      }
    }
    free(zeros);
    *at = one->next;
    free(one);
  }
  if (other != -1) REAL(close)(other);
  pthread_mutex_unlock(&lock);
}

/* `at` is -1 for where the descriptor stands. */
static ssize_t transfer(enum kind kind, int fd, const struct iovec *pieces, int count, off_t at,
                        ssize_t (*call)(int, const struct iovec *, int, off_t)) {
  int part = place_of_file(fd);
  if (part == JOURNAL && kind == WRITE) note_use(fd);
  enum verdict verdict = judge(kind, part, NULL, fd);
  if (verdict == FAILED) {
    if (part == JOURNAL && kind == WRITE) {
      int error = errno;
      note_failed(fd);
      errno = error;
    }
    return -1;
  }
  struct iovec kept[count > 0 ? count : 1];
  if (verdict == HALF) {
    count = cut(pieces, count, half_of(length_of(pieces, count)), kept);
    pieces = kept;
  }
  ssize_t done;
  if (kind == WRITE && part != -1 && rule.drop) {
    pthread_mutex_lock(&lock);
    off_t from = at == -1 ? lseek(fd, 0, SEEK_CUR) : at;
    size_t bytes = length_of(pieces, count);
    keep_old(fd, from, bytes, bytes);
    done = call(fd, pieces, count, at);
    pthread_mutex_unlock(&lock);
  } else done = call(fd, pieces, count, at);
  after(verdict);
  return done;
}

static ssize_t do_read(int fd, const struct iovec *pieces, int count, off_t at) {
  return at == -1 ? REAL(readv)(fd, pieces, count) : REAL(preadv)(fd, pieces, count, at);
}

static ssize_t do_write(int fd, const struct iovec *pieces, int count, off_t at) {
  return at == -1 ? REAL(writev)(fd, pieces, count) : REAL(pwritev)(fd, pieces, count, at);
}

#define ONE(buffer, bytes) &(struct iovec){(void *)(buffer), bytes}, 1

ssize_t read(int fd, void *buffer, size_t bytes) {
  if (place_of_file(fd) == -1) return REAL(read)(fd, buffer, bytes);
  return transfer(READ, fd, ONE(buffer, bytes), -1, do_read);
}
ssize_t readv(int fd, const struct iovec *pieces, int count) {
  if (place_of_file(fd) == -1) return REAL(readv)(fd, pieces, count);
  return transfer(READ, fd, pieces, count, -1, do_read);
}
ssize_t pread(int fd, void *buffer, size_t bytes, off_t at) {
  if (place_of_file(fd) == -1) return REAL(pread)(fd, buffer, bytes, at);
  return transfer(READ, fd, ONE(buffer, bytes), at, do_read);
}
ssize_t pread64(int fd, void *buffer, size_t bytes, off64_t at) { return pread(fd, buffer, bytes, at); }
ssize_t preadv(int fd, const struct iovec *pieces, int count, off_t at) {
  if (place_of_file(fd) == -1) return REAL(preadv)(fd, pieces, count, at);
  return transfer(READ, fd, pieces, count, at, do_read);
}
ssize_t preadv64(int fd, const struct iovec *pieces, int count, off64_t at) { return preadv(fd, pieces, count, at); }

ssize_t write(int fd, const void *buffer, size_t bytes) {
  if (place_of_file(fd) == -1) return REAL(write)(fd, buffer, bytes);
  return transfer(WRITE, fd, ONE(buffer, bytes), -1, do_write);
}
ssize_t writev(int fd, const struct iovec *pieces, int count) {
  if (place_of_file(fd) == -1) return REAL(writev)(fd, pieces, count);
  return transfer(WRITE, fd, pieces, count, -1, do_write);
}
ssize_t pwrite(int fd, const void *buffer, size_t bytes, off_t at) {
  if (place_of_file(fd) == -1) return REAL(pwrite)(fd, buffer, bytes, at);
  return transfer(WRITE, fd, ONE(buffer, bytes), at, do_write);
}
ssize_t pwrite64(int fd, const void *buffer, size_t bytes, off64_t at) { return pwrite(fd, buffer, bytes, at); }
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t at) {
  if (place_of_file(fd) == -1) return REAL(pwritev)(fd, pieces, count, at);
  return transfer(WRITE, fd, pieces, count, at, do_write);
}
ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t at) { return pwritev(fd, pieces, count, at); }

static int sync_counted(int fd) {
  int part = files[fd].part;
  if (part == JOURNAL || part == SEGMENT) note_use(fd);
  pthread_mutex_lock(&lock);
  uint64_t until = serial;
  pthread_mutex_unlock(&lock);
  enum verdict verdict = judge(SYNC, part, NULL, fd);
  if (verdict == FAILED) {
    int error = errno;
    if (part == JOURNAL || part == SEGMENT) note_failed(fd);
    if (rule.drop) drop_unsynced(fd);
    errno = error;
    return -1;
  }
  settle(fd, until);
  after(verdict);
  return 0;
}

int fsync(int fd) { return place_of_file(fd) == -1 ? REAL(fsync)(fd) : sync_counted(fd); }
int fdatasync(int fd) { return place_of_file(fd) == -1 ? REAL(fdatasync)(fd) : sync_counted(fd); }

int rename(const char *from, const char *to) {
  int part = place_of(from);
  enum verdict verdict = judge(RENAME, part, from, -1);
  if (verdict == FAILED) return -1;
  if (part != -1) forget_file(to);
  int result = REAL(rename)(from, to);
  after(verdict);
  return result;
}

int ftruncate(int fd, off_t length) {
  enum verdict verdict = judge(TRUNCATE, place_of_file(fd), NULL, fd);
  if (verdict == FAILED) return -1;
  struct stat found;
  if (place_of_file(fd) != -1 && rule.drop && fstat(fd, &found) == 0 && found.st_size > length) {
    pthread_mutex_lock(&lock);
    keep_old(fd, length, 0, (size_t)(found.st_size - length));
    pthread_mutex_unlock(&lock);
  }
  int result = REAL(ftruncate)(fd, length);
  after(verdict);
  return result;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

int unlink(const char *path) {
  int part = place_of(path);
  enum verdict verdict = judge(UNLINK, part, path, -1);
  if (verdict == FAILED) return -1;
  if (part != -1) forget_file(path);
  int result = REAL(unlink)(path);
  after(verdict);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  enum verdict verdict = judge(MKDIR, place_of(path), path, -1);
  if (verdict == FAILED) return -1;
  int result = REAL(mkdir)(path, mode);
  after(verdict);
  return result;
}

int rmdir(const char *path) {
  enum verdict verdict = judge(RMDIR, place_of(path), path, -1);
  if (verdict == FAILED) return -1;
  int result = REAL(rmdir)(path);
  after(verdict);
  return result;
}

/* The descriptor is free also when an error is told, as Linux does it. */
int close(int fd) {
  if (place_of_file(fd) == -1) return REAL(close)(fd);
  enum verdict verdict = judge(CLOSE, files[fd].part, NULL, fd);
  int error = errno;
  atomic_store(&files[fd].tracked, 0);
  atomic_fetch_sub(&state->open, 1);
  int result = REAL(close)(fd);
  after(verdict);
  if (verdict != FAILED) return result;
  errno = error;
  return -1;
}

/* libuv closes files this way. */
long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long given[6];
  for (int i = 0; i < 6; i++) given[i] = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_close) return close((int)given[0]);
  return REAL(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

int statfs64(const char *path, struct statfs64 *found) {
  int result = ((__typeof__(&statfs64))real("statfs64", &real_statfs))(path, found);
  int is_full = rule.lasting && !is_lifted() && (rule.error == ENOSPC || rule.error == EDQUOT) && atomic_load(&state->injected) > 0;
  if (result == 0 && is_full && place_of(path) != -1) found->f_bavail = found->f_bfree = 0;
  return result;
}
