package io.vela.router;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.agent.CloneFailure;
import io.vela.config.value.UntrustedText;
import java.util.List;
import org.junit.jupiter.api.Test;

class RouteFailureTest {
  private static final String LOG =
      "2026-11-29 UTC [7] FATAL:  could not open \"/var/lib/vela/pool/clones/c/data/x.conf\""
          + "\n2026-11-29 UTC [8] STATEMENT:  ALTER ROLE a PASSWORD 'hunter2'"
          + "\n2026-11-29 UTC [9] LOG:  connection to password=hunter2 \u001b[2J";

  @Test
  void aClientIsToldNeitherPathsNorSecretsNorOthersStatementsOfTheLog() {
    var failure =
        new RouteFailure.AgentFailed(
            "branch \"pr-1\" could not be started", new CloneFailure.StartFailed("no start", LOG));

    assertThat(failure.detail())
        .isEqualTo(
            "no start"
                + "\n2026-11-29 UTC [7] FATAL:  could not open \".../x.conf\""
                + "\n2026-11-29 UTC [9] LOG:  connection to password=*** \\u001b[2J");
    assertThat(new RouteFailure.CatalogUnavailable(LOG).detail())
        .doesNotContain("/var/lib", "hunter2", "\u001b");
  }

  @Test
  void whoImportsIsToldThePathsThatTheyHaveNamed() {
    var failure =
        new RouteFailure.AgentFailed(
            "the import failed",
            new CloneFailure.UnsupportedSource("a server runs on /var/lib/postgresql", ""));

    assertThat(failure.detail()).isEqualTo("a server runs on /var/lib/postgresql");
  }

  @Test
  void whatASourceSaysIsBounded() {
    var failure =
        new RouteFailure.AgentFailed(
            "the import failed", new CloneFailure.SourceFailed("x".repeat(10_000_000), ""));

    assertThat(failure.detail()).hasSize(UntrustedText.MOST_FOR_CLIENTS);
  }

  @Test
  void namesOfUsersAreOneLineEach() {
    assertThat(new RouteFailure.InUse("in use", List.of("role a\nrole b", "role c")).detail())
        .isEqualTo("role a\\nrole b\nrole c");
  }
}
