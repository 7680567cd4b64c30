package io.vela.proxy.park;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.vela.proxy.RealPostgres;
import java.util.List;
import org.assertj.core.api.AbstractAssert;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * What extensions keep in a session forbids to move it, for as long as it is there. Those of the
 * system's Postgres 15 are tested, if they are installed (Debian: postgresql-plperl-15); the
 * embedded Postgres has none of them.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class ExtensionVetoTest {
  private final RealPostgres postgres;
  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());

  ExtensionVetoTest() throws Exception {
    postgres = RealPostgres.start(15);
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
    var available = "SELECT name FROM pg_available_extensions WHERE name = '" + name + "'";
    assumeTrue(!postgres.sql(available).isEmpty(), name + " is not installed");
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
