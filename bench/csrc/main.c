/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static const char usage[] =
"Usage: xiobench request|oneway|connections|contexts|serve [option]...\n"
"serve is a responder alone: it prints its port and process, answers requests\n"
"from anywhere, and ends with its standard input. The others start their own\n"
"responder, but request may be sent to such a one with -a.\n"
"  -s bytes    data of a message, at least 16 (32)\n"
"  -d depth    messages in flight (1)\n"
"  -t seconds  measured (1)\n"
"  -w seconds  before that (0.25)\n"
"  -n count    messages instead of a time\n"
"  -c count    connections or contexts to make\n"
"  -a port:pid of a responder that runs already; pid is for its CPU time\n"
"  -p          neither side sleeps in its loop\n"
"  -N          TCP_NO_DELAY\n"
"  -S          one socket for a connection instead of two\n"
"  -I          IMM_SEND_COMP on responses\n"
"  -b bytes    of the sockets' buffers\n"
"  -C          bind the two sides to CPU 0 and 1\n";

static void bad_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

static void read_address(const char *text)
{
	unsigned int port;
	int pid;

	if (sscanf(text, "%u:%d", &port, &pid) != 2 || port < 1 ||
	    port > 65535 || pid < 1)
		bad_usage();
	params.peer_port = (uint16_t)port;
	params.peer_pid = pid;
}

static void read_arguments(int argc, char **argv)
{
	static const char *const modes[] = {
		"request", "oneway", "connections", "contexts", "serve",
	};
	int c, i;

	params.mode = (enum mode)-1;
	for (i = 0; argc > 1 && i < 5; i++)
		if (strcmp(argv[1], modes[i]) == 0)
			params.mode = (enum mode)i;
	if (params.mode == (enum mode)-1)
		bad_usage();
	params.size = 32;
	params.depth = 1;
	params.seconds = 1;
	params.warm = 0.25;
	while ((c = getopt(argc - 1, argv + 1, "s:d:t:w:n:c:b:a:pNSIC")) != -1) {
		switch (c) {
		case 's': params.size = strtoul(optarg, NULL, 10); break;
		case 'd': params.depth = (unsigned int)atoi(optarg); break;
		case 't': params.seconds = atof(optarg); break;
		case 'w': params.warm = atof(optarg); break;
		case 'n': params.count = strtoull(optarg, NULL, 10); break;
		case 'b': params.sockbuf = atoi(optarg); break;
		case 'c': params.connections = (unsigned int)atoi(optarg); break;
		case 'a': read_address(optarg); break;
		case 'p': params.polling = true; break;
		case 'N': params.nodelay = true; break;
		case 'S': params.single = true; break;
		case 'I': params.imm = true; break;
		case 'C': params.pin = true; break;
		default: bad_usage();
		}
	}
	if (params.size < 16 || params.depth < 1 || params.seconds <= 0 ||
	    ((params.mode == MODE_CONNECTIONS || params.mode == MODE_CONTEXTS) &&
	     params.connections < 2) ||
	    (params.peer_port && params.mode != MODE_REQUEST))
		bad_usage();
}

static void pin(int cpu)
{
	cpu_set_t set;

	if (!params.pin || sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("cannot bind to CPU %d", cpu);
}

/* A child that does not outlive this process. */
static pid_t start(int cpu, void (*body)(void))
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		fail("fork failed");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	pin(cpu);
	body();
	atomic_store(&shared->finished, true);
	exit(0);
}

/* Many connections need many descriptors. */
static void raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static bool start_responder(void)
{
	const struct timespec tick = { .tv_nsec = 1000000 };

	shared->responder = start(0, responder);
	while (!atomic_load(&shared->ports)) {
		if (waitpid(shared->responder, NULL, WNOHANG) != 0)
			return false;
		nanosleep(&tick, NULL);
	}
	return true;
}

/* Whoever ends first ends the run: a responder only ends by failing. */
static int run_pair(void)
{
	static void (*const bodies[])(void) = {
		requester, requester, many_connections, many_contexts,
	};
	pid_t client, first;
	int status;

	if (!start_responder())
		return 1;
	client = start(1, bodies[params.mode]);
	first = waitpid(-1, &status, 0);
	kill(first == client ? shared->responder : client, SIGKILL);
	waitpid(-1, NULL, 0);
	if (first != client)
		fprintf(stderr, "xiobench: the responder ended\n");
	return first == client && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0 && !atomic_load(&shared->failed) ? 0 : 1;
}

static int run_responder(void)
{
	char buf[64];

	/* A requester elsewhere may leave when it likes. */
	atomic_store(&shared->finished, true);
	if (!start_responder())
		return 1;
	printf("port=%u pid=%d\n", shared->port[0], (int)shared->responder);
	fflush(stdout);
	while (read(STDIN_FILENO, buf, sizeof(buf)) > 0)
		;
	kill(shared->responder, SIGKILL);
	waitpid(shared->responder, NULL, 0);
	return atomic_load(&shared->failed) ? 1 : 0;
}

static int run_requester(void)
{
	shared->port[0] = params.peer_port;
	shared->responder = params.peer_pid;
	pin(1);
	requester();
	return 0;
}

int main(int argc, char **argv)
{
	read_arguments(argc, argv);
	raise_limit();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	if (params.mode == MODE_SERVE)
		return run_responder();
	return params.peer_port ? run_requester() : run_pair();
}
