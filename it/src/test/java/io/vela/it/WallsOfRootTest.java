package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.agent.isolation.IsolationLevel;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The attacks where Vela runs as root: each branch has namespaces and a user id of its own. */
final class WallsOfRootTest extends AttackSuite {
  WallsOfRootTest() {
    super(IsolationLevel.FULL);
  }

  @Override
  Vela start(Scratch scratch) {
    Assumptions.assumeTrue(
        "root".equals(System.getProperty("user.name")), "the walls are tested as root, as CI is");
    return Vela.start(scratch.data());
  }

  @Test
  void itsUserIsNobodyOfTheHost() throws Exception {
    try (var session = vela().connect("attacker")) {
      assertThat(run(session, "id -u").getFirst()).startsWith("18790");
    }
  }

  @Test
  void twoBranchesHaveDifferentUserIds() throws Exception {
    try (var one = vela().connect("attacker");
        var two = vela().connect("other")) {
      assertThat(run(one, "id -u")).isNotEqualTo(run(two, "id -u"));
    }
  }
}
