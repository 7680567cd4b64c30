package io.vela.cli.up;

import io.vela.cli.CliException;
import io.vela.config.value.HostPort;
import io.vela.router.Router.BaselineView;
import io.vela.router.Router.MintedToken;
import java.sql.SQLException;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * One client's way through a Vela that has just become ready, so that what it takes is in the cache
 * with which later ones start: a branch is created, a query answered. {@code bin/train} records it.
 */
final class Rehearsal {
  private static final String BRANCH = "rehearsal";
  private static final int WAIT_SECONDS = 60;

  private final PGSimpleDataSource client = new PGSimpleDataSource();

  Rehearsal(HostPort listen, MintedToken token, BaselineView baseline) {
    client.setServerNames(new String[] {listen.host()});
    client.setPortNumbers(new int[] {listen.port()});
    client.setUser(baseline.defaultRole() + "~" + token.id());
    client.setPassword(token.secret().reveal());
    client.setDatabaseName(baseline.defaultDatabase() + "@" + BRANCH);
    client.setSslMode("disable");
    client.setConnectTimeout(WAIT_SECONDS);
    client.setSocketTimeout(WAIT_SECONDS);
  }

  void run() throws CliException {
    try (var connection = client.getConnection();
        var statement = connection.createStatement()) {
      statement.execute("SELECT 1");
    } catch (SQLException e) {
      throw new CliException("the rehearsal failed: " + e.getMessage(), "", e);
    }
  }
}
