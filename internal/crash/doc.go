// Package crash tests what the service promises of its memory: with state.dir an answer that was given survives the
// process, however it ends. Its tests start the real program, end it at any moment, and hold what it remembers against
// an independent reading of its journal.
package crash
