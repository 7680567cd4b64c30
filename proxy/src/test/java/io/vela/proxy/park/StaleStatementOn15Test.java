package io.vela.proxy.park;

/** Sessions of Postgres 15. */
final class StaleStatementOn15Test extends StaleStatements {
  StaleStatementOn15Test() throws Exception {
    super(15);
  }
}
