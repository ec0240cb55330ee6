// Package clients is tests alone: programs that others have written, unmodified, against the real program, over
// TLS, with keys and with client certificates. They run with -tags clients (make clients).
package clients
