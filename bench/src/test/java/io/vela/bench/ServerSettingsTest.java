package io.vela.bench;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

final class ServerSettingsTest {
  private static final ServerSettings BRANCH =
      new ServerSettings(List.of("fsync=on", "io_method=sync", "shared_buffers=2048"));

  @Test
  void aServerWithTheSameSettingsIsAFloor() {
    var floor = new ServerSettings(List.of("fsync=on", "io_method=sync", "shared_buffers=2048"));

    assertThatCode(() -> floor.requireSameAs(BRANCH)).doesNotThrowAnyException();
  }

  @Test
  void aServerWithOtherSettingsIsNoneAndTheyAreNamed() {
    var floor = new ServerSettings(List.of("fsync=on", "io_method=worker", "shared_buffers=16384"));

    assertThatThrownBy(() -> floor.requireSameAs(BRANCH))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "bare Postgres runs with [io_method=worker, shared_buffers=16384]"
                + " where the branch has [io_method=sync, shared_buffers=2048]");
  }

  @Test
  void aServerThatLacksASettingIsNone() {
    var floor = new ServerSettings(List.of("fsync=on", "shared_buffers=2048"));

    assertThatThrownBy(() -> floor.requireSameAs(BRANCH))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("io_method=sync");
  }
}
