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

  /** It lies on the host's disk, and no limit of the pool is there. */
  @Test
  void nothingMoreIsPutBesideItsSocket() throws Exception {
    try (var session = vela().connect("attacker")) {
      var folder = run(session, "ls -d " + data().resolve("run") + "/*/").getFirst();
      assertThat(run(session, "ls -A " + folder + " || ls -d " + folder + ".s.PGSQL.5432"))
          .contains(folder + ".s.PGSQL.5432");
      assertThat(run(session, "echo x > " + folder + "new"))
          .anyMatch(line -> line.contains("denied"));
      assertThat(run(session, "chmod 777 " + folder))
          .anyMatch(line -> line.contains("not permitted"));
      var connect =
          "perl -MIO::Socket::UNIX -e 'print IO::Socket::UNIX->new(Peer => \"%s\") ? \"through\" : $!'"
              .formatted(folder + ".s.PGSQL.5432");
      assertThat(run(session, connect)).containsExactly("through");
    }
  }
}
