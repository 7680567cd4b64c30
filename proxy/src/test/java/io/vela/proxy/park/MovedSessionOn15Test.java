package io.vela.proxy.park;

/** Sessions of Postgres 15. */
final class MovedSessionOn15Test extends MovedSessions {
  MovedSessionOn15Test() throws Exception {
    super(15);
  }
}
