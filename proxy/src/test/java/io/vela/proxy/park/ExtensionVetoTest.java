package io.vela.proxy.park;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.vela.agent.CloneException;
import io.vela.agent.exec.DebianPackages;
import io.vela.agent.exec.ServiceUser;
import io.vela.proxy.RealPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.assertj.core.api.AbstractAssert;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * What extensions keep in a session forbids to move it, for as long as it is there. Those of the
 * system's Postgres are tested, installed where that is allowed: the embedded one has none of them.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class ExtensionVetoTest {
  private static final Path SERVERS = Path.of("/usr/lib/postgresql");

  private final RealPostgres postgres;
  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());

  ExtensionVetoTest() throws Exception {
    postgres = RealPostgres.start(majorWithExtensions());
  }

  /**
   * Debian keeps Postgres's own extensions with the server, and its languages in a package each.
   */
  private static int majorWithExtensions() throws Exception {
    var packages = new DebianPackages(System.err::println);
    try {
      var server = packages.ensure("Postgres", ExtensionVetoTest::newestServer, "postgresql");
      int major = major(server);
      var perl = Path.of("/usr/share/postgresql/" + major + "/extension/plperl.control");
      packages.ensure(
          "PL/Perl", () -> Optional.of(perl).filter(Files::exists), "postgresql-plperl-" + major);
      return major;
    } catch (CloneException e) {
      if (ServiceUser.runningAsRoot() || "true".equals(System.getenv("CI"))) {
        throw e;
      }
      return abort("NOT RUN: " + e.failure());
    }
  }

  private static Optional<Path> newestServer() {
    if (!Files.isDirectory(SERVERS)) {
      return Optional.empty();
    }
    try (var versions = Files.list(SERVERS)) {
      return versions
          .filter(version -> Files.exists(version.resolve("bin/postgres")))
          .max(Comparator.comparingInt(ExtensionVetoTest::major));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int major(Path server) {
    return Integer.parseInt(String.valueOf(server.getFileName()));
  }

  @AfterAll
  void stop() {
    var _ = loops.shutdownGracefully();
    postgres.close();
  }

  private Client client() throws Exception {
    return new Client(postgres, loops.next(), List.of());
  }

  private void extension(String name) {
    postgres.sql("CREATE SCHEMA IF NOT EXISTS \"Ext\"");
    postgres.sql("CREATE EXTENSION IF NOT EXISTS " + name);
  }

  private String host() {
    return String.valueOf(postgres.socket().getParent());
  }

  private int port() {
    return postgres.address().getPort();
  }

  private static AbstractAssert<?, ?> assertVetoed(Captured captured, VetoReason reason) {
    return assertThat(captured)
        .isInstanceOfSatisfying(
            Captured.Vetoed.class, vetoed -> assertThat(vetoed.reason()).isEqualTo(reason));
  }

  @Test
  void aDblinkConnectionThatAFunctionHasOpened() throws Exception {
    extension("dblink");
    postgres.sql("ALTER EXTENSION dblink SET SCHEMA \"Ext\"");
    postgres.sql(
        """
        CREATE OR REPLACE FUNCTION opens() RETURNS text LANGUAGE sql AS $$
          SELECT "Ext".dblink_connect('far', 'host=%s port=%d user=postgres dbname=postgres') $$;
        CREATE OR REPLACE FUNCTION closes() RETURNS text LANGUAGE sql AS $$
          SELECT "Ext".dblink_disconnect('far') $$;
        """
            .formatted(host(), port()));
    try (var client = client()) {
      assertThat(client.capture()).isInstanceOf(Captured.Memory.class);

      assertThat(client.query("SELECT opens()")).contains("OK");
      assertVetoed(client.capture(), VetoReason.DBLINK);

      client.query("SELECT closes()");
      assertThat(client.capture()).isInstanceOf(Captured.Memory.class);
    }
  }

  @Test
  void aSessionThatMayHaveAnUnnamedDblinkConnection() throws Exception {
    extension("dblink");
    try (var client = client()) {
      client.query("SELECT dblink_connect('')");

      assertVetoed(client.capture(), VetoReason.DBLINK);
    }
  }

  @Test
  void aForeignServerThatIsConnected() throws Exception {
    extension("postgres_fdw");
    postgres.sql(
        """
        CREATE TABLE near (a int);
        CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw
          OPTIONS (host '%s', port '%d', dbname 'postgres');
        CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'postgres');
        CREATE FOREIGN TABLE distant (a int) SERVER far OPTIONS (table_name 'near');
        """
            .formatted(host(), port()));
    try (var client = client()) {
      assertThat(client.capture()).isInstanceOf(Captured.Memory.class);

      assertThat(client.query("SELECT * FROM distant")).contains("CSELECT 0");
      assertVetoed(client.capture(), VetoReason.POSTGRES_FDW);

      client.query("SELECT postgres_fdw_disconnect_all()");
      assertThat(client.capture()).isInstanceOf(Captured.Memory.class);
    }
  }

  @Test
  void aLanguageWhoseFunctionsMayKeepValues() throws Exception {
    extension("plperl");
    postgres.sql(
        """
        CREATE OR REPLACE FUNCTION keep() RETURNS int LANGUAGE plperl AS $$ $_SHARED{a}++ $$
        """);
    try (var client = client()) {
      assertThat(client.capture()).isInstanceOf(Captured.Memory.class);

      assertThat(client.query("SELECT keep()")).contains("CSELECT 1");
      assertVetoed(client.capture(), VetoReason.LANGUAGE_GLOBALS);
    }
  }
}
