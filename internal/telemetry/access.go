package telemetry

// Access counts who was let in, who was not, and how much was asked for.
type Access struct {
	Denied  Denied
	Limited Limited
	Shed    Shed

	ConcurrencyLimit *Gauge // requests that are let in at once, as the adaptive limit has it; 0: no limit

	KeysRead, KeysRefused *Counter // changes of the file of keys that were taken, and that were not
	Keys                  *Gauge   // API keys and certificates that are known
	TLSRead, TLSRefused   *Counter // changes of certificates that were taken, and that were not
	JWKSFetched           *Counter // sets of an issuer's keys that were fetched
	JWKSFailed            *Counter // and that could not be
	TokensKnown           *Gauge   // verified tokens that are remembered

	AdminActions *Counter // changes that were asked for through the admin listener and made
}

// Denied counts requests that were answered 401 or 403, by reason.
type Denied struct {
	Missing   *Counter // no credentials
	Malformed *Counter // credentials that are none, or several at once
	Unknown   *Counter // a key, or a token's key, that nobody knows, or a wrong secret
	Expired   *Counter // a key or token that is no longer valid, or not yet
	Revoked   *Counter // a key that was revoked, or a certificate
	Signature *Counter // a token whose signature or algorithm is not its issuer's
	Claims    *Counter // a token for somebody else: issuer, audience
	InURL     *Counter // credentials in a URL, which is where they leak
	Unready   *Counter // an issuer's keys could not be had
	Attempts  *Counter // an address with too many failed attempts
	CrossSite *Counter // a key that a browser attached to what another site's page asked
	Scope     *Counter // an identity without the scope
	Model     *Counter // an identity that is bound to other models
}

// Limited counts requests that were answered 429, by reason.
type Limited struct {
	Rate       *Counter // of an identity
	Concurrent *Counter // requests in flight of an identity
	Model      *Counter // requests in flight for a model
	Quota      *Counter // requests of an identity in a day or month
}

// Shed counts requests that were answered 503 or 504 to keep the others in time, by reason.
type Shed struct {
	Overload *Counter // more in flight than can be answered in time
	Batch    *Counter // the same, of those who yield first
	Deadline *Counter // it could not be answered within its deadline
}

func (m *Metrics) addAccess(k *maker) {
	denied := k.counters("besra_denied_total")
	limited := k.counters("besra_limited_total")
	shed := k.counters("besra_shed_total")
	keys := k.counters("besra_keys_reloads_total")
	tls := k.counters("besra_tls_reloads_total")
	jwks := k.counters("besra_jwks_fetches_total")
	known := k.gauges("besra_keys")
	tokens := k.gauges("besra_tokens_remembered")
	limit := k.gauges("besra_concurrency_limit")
	m.Access = Access{
		Denied: Denied{
			Missing: denied.with("missing"), Malformed: denied.with("malformed"), Unknown: denied.with("unknown"),
			Expired: denied.with("expired"), Revoked: denied.with("revoked"), Signature: denied.with("signature"),
			Claims: denied.with("claims"), InURL: denied.with("in-url"), Unready: denied.with("unready"),
			Attempts: denied.with("attempts"), CrossSite: denied.with("cross-site"), Scope: denied.with("scope"), Model: denied.with("model"),
		},
		Limited: Limited{
			Rate: limited.with("rate"), Concurrent: limited.with("concurrent"), Model: limited.with("model"),
			Quota: limited.with("quota"),
		},
		Shed: Shed{
			Overload: shed.with("overload"), Batch: shed.with("batch"), Deadline: shed.with("deadline"),
		},
		ConcurrencyLimit: limit.with(),
		KeysRead:         keys.with("taken"), KeysRefused: keys.with("refused"), Keys: known.with(),
		TLSRead: tls.with("taken"), TLSRefused: tls.with("refused"),
		JWKSFetched: jwks.with("fetched"), JWKSFailed: jwks.with("failed"), TokensKnown: tokens.with(),
		AdminActions: k.counter("besra_admin_actions_total"),
	}
}

// A Shadow counts how a challenger does beside the version that answers.
type Shadow struct {
	Compared *Counter   // events that both scored
	Dropped  *Counter   // events that were to be compared and were not: there was no time
	Failed   *Counter   // events that the challenger could not score
	Changed  *Counter   // of those compared, decisions that differ
	Shift    *Histogram // challenger's score less champion's
}

// Shadow returns the handle of a challenger, whose series stand at zero from then on.
func (m *Metrics) Shadow(model, version string) Shadow {
	return Shadow{
		Compared: m.shadowEvents.with(model, version, "compared"), Dropped: m.shadowEvents.with(model, version, "dropped"),
		Failed: m.shadowEvents.with(model, version, "failed"), Changed: m.shadowChanged.with(model, version),
		Shift: m.shadowShift.with(model, version),
	}
}

func (m *Metrics) addShadow(k *maker) {
	m.shadowEvents = k.counters("besra_shadow_events_total")
	m.shadowChanged = k.counters("besra_shadow_decisions_changed_total")
	m.shadowShift = k.histograms("besra_shadow_score_shift", shiftBounds())
}

// shiftBounds are narrow around no shift.
func shiftBounds() []float64 {
	return []float64{-.5, -.2, -.1, -.05, -.02, -.01, -.001, 0, .001, .01, .02, .05, .1, .2, .5, 1}
}
