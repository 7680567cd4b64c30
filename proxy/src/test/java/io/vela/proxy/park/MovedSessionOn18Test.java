package io.vela.proxy.park;

/** Sessions of Postgres 18. */
final class MovedSessionOn18Test extends MovedSessions {
  MovedSessionOn18Test() throws Exception {
    super(18);
  }
}
