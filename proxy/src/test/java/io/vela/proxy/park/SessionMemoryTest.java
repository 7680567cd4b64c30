package io.vela.proxy.park;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class SessionMemoryTest {
  private static SessionMemory memory(String tenant) {
    var memory = new SessionMemory.Builder();
    memory.settings.put("app.tenant", tenant);
    memory.parameters.put("TimeZone", "UTC");
    return memory.build();
  }

  @Test
  void sessionsThatHaveTheSameShareOne() {
    assertThat(memory("a")).isSameAs(memory("a"));
  }

  @Test
  void whatDiffersIsKeptApart() {
    assertThat(memory("a").settings()).containsEntry("app.tenant", "a");
    assertThat(memory("b").settings()).containsEntry("app.tenant", "b");
    assertThat(memory("b")).isNotEqualTo(memory("a"));
  }
}
