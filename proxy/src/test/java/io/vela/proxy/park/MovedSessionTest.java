package io.vela.proxy.park;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.vela.proxy.RealPostgres;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever a session has done, once moved to another backend its client is told the same, byte for
 * byte, as one whose session did the same and was never moved.
 */
@ParameterizedClass
@ValueSource(ints = {15, 18})
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class MovedSessionTest {
  /** What a client says. */
  private interface Script {
    String tell(Client client) throws Exception;
  }

  private record Row(String what, Script before, Script after) {
    @Override
    public String toString() {
      return what;
    }
  }

  private static Script sql(String sql) {
    return client -> client.query(sql);
  }

  private static Row row(String what, String before, String after) {
    return new Row(what, sql(before), sql(after));
  }

  static final List<Row> ROWS =
      List.of(
          row("nothing", "SELECT 1", "SELECT 1"),
          row("setting", "SET work_mem = '5MB'", "SHOW work_mem"));

  private final RealPostgres postgres;
  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());

  MovedSessionTest(int major) throws Exception {
    postgres = RealPostgres.start(major);
  }

  @AfterAll
  void stop() {
    loops.shutdownGracefully();
    postgres.close();
  }

  @ParameterizedTest
  @FieldSource("ROWS")
  void isToldTheSame(Row row) throws Exception {
    try (var moved = new Client(postgres, loops.next());
        var stayed = new Client(postgres, loops.next())) {
      assertThat(row.before().tell(moved)).isEqualTo(row.before().tell(stayed));

      moved.move();

      assertThat(row.after().tell(moved)).isEqualTo(row.after().tell(stayed));
      assertThat(moved.parameters()).isEqualTo(stayed.parameters());
      assertThat(moved.query(ALL_SETTINGS)).isEqualTo(stayed.query(ALL_SETTINGS));
    }
  }

  private static final String ALL_SETTINGS =
      "SELECT name, setting, source FROM pg_catalog.pg_settings ORDER BY name";
}
