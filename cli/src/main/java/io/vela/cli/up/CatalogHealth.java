package io.vela.cli.up;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import io.vela.admin.HealthPart;
import io.vela.agent.postgres.ClusterSupervisor;
import io.vela.router.catalog.Catalog;
import java.util.Optional;

/**
 * Whether the catalogue answers.
 *
 * @param supervisor of its server, where Vela runs it
 */
record CatalogHealth(Catalog catalog, Optional<ClusterSupervisor> supervisor)
    implements HealthPart {
  /** Counts how often its server was started again. */
  CatalogHealth countRestarts(MeterRegistry registry) {
    supervisor.ifPresent(
        it ->
            FunctionCounter.builder("vela.catalog.restarts", it, ClusterSupervisor::restarts)
                .description("How often the catalogue's server had ended and was started again")
                .register(registry));
    return this;
  }

  @Override
  public State look() {
    var trouble = supervisor.flatMap(ClusterSupervisor::trouble);
    if (trouble.isPresent()) {
      return State.down(trouble.get());
    }
    return catalog.isUp()
        ? State.up("it answers")
        : State.down("it did not answer when it was last asked");
  }
}
