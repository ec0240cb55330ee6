// Package auth finds out who asks: by API key, by token, or by TLS client certificate.
//
// Keys and certificates stand in a file ([ParseKeys], [File]) that a [Watcher] keeps up to date; tokens are verified
// by whoever implements [Tokens]. The [Authenticator] takes a request's credentials apart, asks the two, and answers
// with an identity or with why there is none.
package auth
