/*
 * HTTP/2 connections of clients (RFC 9113): what a session becomes when its client says the preface
 * first, or ALPN has chosen it. The connection is an object on the loop; each request has a fiber
 * of its own from its complete head to the response's end. docs/http2.md tells the limits.
 */
#pragma once

#include "http/session.h"

/*
 * Is what a plain connection begins with HTTP/2's matter: the preface, or a line of words of which
 * none can be a target or a version of HTTP/1? That is an attempt at a preface, which HTTP/2 has a
 * rule for (RFC 9113 §3.4). Asked once a head of HTTP/1 seems to be complete.
 */
bool h2_is_meant(struct slice received);

/*
 * The session speaks HTTP/2 from now on. What was received already is taken; nothing of it has been
 * consumed. Called on the loop's own stack. Without memory the session is destroyed.
 */
void h2_begin(struct session *session);

/* For a session in SESSION_H2: its io is ready, its task runs, its timer fires. */
void h2_ready(struct session *session);
void h2_run(struct session *session);
void h2_timed_out(struct session *session);

/*
 * It may finish what is under way. A client is told first that the end is near, and a second later
 * that nothing more is taken; an idle one at once where `closes_idle` says so.
 */
void h2_drain(struct session *session, bool closes_idle);

/* Cancels all that is under way and ends the session with the last of it, or at once. */
void h2_abort(struct session *session);
