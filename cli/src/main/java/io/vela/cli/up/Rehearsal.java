package io.vela.cli.up;

import io.vela.cli.CliException;
import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import io.vela.router.Router.IssuedToken;
import io.vela.router.TokenRequest;
import io.vela.router.catalog.TokenRight;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * A client's way through a Vela that has just become ready, so that what it takes is in the cache
 * with which later ones start: a branch is created, a query answered. It comes again and again, for
 * the compiler to have seen what a connection takes. {@code bin/train} records it.
 */
final class Rehearsal {
  private static final BranchName BRANCH = new BranchName("rehearsal");
  private static final int WAIT_SECONDS = 60;

  /** What runs 200 times is compiled (HotSpot's {@code Tier3InvocationThreshold}). */
  private static final int TIMES = 300;

  private final PGSimpleDataSource client = new PGSimpleDataSource();

  Rehearsal(HostPort listen, IssuedToken issued) {
    client.setServerNames(new String[] {listen.host()});
    client.setPortNumbers(new int[] {listen.port()});
    client.setUser(issued.role() + "~" + issued.token().id());
    client.setPassword(issued.token().secret().reveal());
    client.setDatabaseName(issued.database() + "@" + BRANCH);
    client.setSslMode("disable");
    client.setConnectTimeout(WAIT_SECONDS);
    client.setSocketTimeout(WAIT_SECONDS);
  }

  /** The token that it takes. */
  static TokenRequest token() {
    return new TokenRequest(
        new TokenRequest.OfBranch(BRANCH),
        new TokenRequest.Standard(),
        Set.of(TokenRight.CONNECT, TokenRight.CREATE),
        new TokenRequest.For(Duration.ofHours(1)));
  }

  void run() throws CliException {
    for (int i = 0; i < TIMES; i++) {
      connect();
    }
  }

  private void connect() throws CliException {
    try (var connection = client.getConnection();
        var statement = connection.createStatement()) {
      statement.execute("SELECT 1");
    } catch (SQLException e) {
      throw new CliException("the rehearsal failed: " + e.getMessage(), "", e);
    }
  }
}
