package door

// A caller is who asks, as platforms tell functions.
type caller struct {
	user   *Credential       // by IAM
	claims map[string]string // by a token
	scopes []string          // that the route asks for, and the token has
	key    *Key              // of a REST API
}
