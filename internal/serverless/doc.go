// Package serverless has tests alone: the real program that is a function of AWS Lambda runs in a simulation of Lambda, as
// one or many processes that come, are frozen, and die. What it answers is held against besra serve.
package serverless
