// Package lambdasim is AWS Lambda on one machine: it starts real bootstrap processes, speaks the Runtime API with them, and
// lives by the rules that Lambda's documents state.
//
// A [Function] has execution environments. Each is a process of the bootstrap, with a directory that stands for /tmp, a clean
// environment, and a Runtime API of its own on loopback; it serves one request at a time and is frozen in between, if asked.
// Which request gets which environment, and which is throttled, is decided by internal/tools/scaling, as in the planner. What
// the function prints becomes a log stream with the lines that Lambda adds; EMF in it becomes metrics; what it sends to the
// X-Ray daemon is kept as traces.
//
// What is not simulated: the share of a CPU that memory buys, the memory limit itself, external extensions, streamed
// answers, and asynchronous invocations.
//
// Sources, all of docs.aws.amazon.com/lambda/latest/dg: runtimes-api.html, runtimes-extensions-api.html,
// lambda-runtime-environment.html, configuration-envvars.html, gettingstarted-limits.html, lambda-concurrency.html.
package lambdasim
