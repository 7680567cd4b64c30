package io.vela.router.route;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.router.RouteException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ReplicationModeTest {
  @ParameterizedTest
  @CsvSource({
    "database, LOGICAL",
    "t, PHYSICAL",
    "TRUE, PHYSICAL",
    "tr, PHYSICAL",
    "y, PHYSICAL",
    "yes, PHYSICAL",
    "on, PHYSICAL",
    "1, PHYSICAL",
    "f, NONE",
    "False, NONE",
    "n, NONE",
    "of, NONE",
    "OFF, NONE",
    "0, NONE"
  })
  void everySpellingThatPostgresTakes(String value, ReplicationMode mode) throws Exception {
    assertThat(ReplicationMode.parse(value)).isEqualTo(mode);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "o", "Database", "2", "10", "truely", " true", "maybe"})
  void andNoOther(String value) {
    assertThatThrownBy(() -> ReplicationMode.parse(value))
        .isInstanceOf(RouteException.class)
        .hasMessageContaining("invalid value for parameter \"replication\": \"" + value + "\"");
  }
}
