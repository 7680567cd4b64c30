package io.vela.admin;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.vela.config.HttpConfig;
import io.vela.config.value.HostPort;
import io.vertx.core.Vertx;
import java.time.Clock;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

final class OpenApiTest {
  private static final Set<String> METHODS = Set.of("get", "post", "put", "patch", "delete");

  @Test
  void theDocumentListsExactlyTheRoutes() throws Exception {
    assertThat(documented()).isEqualTo(served());
  }

  @Test
  void theDocumentsReferencesLeadSomewhere() throws Exception {
    var document = document();
    for (var reference : references(document, new TreeSet<>())) {
      Object at = document;
      for (var step : reference.substring(2).split("/", -1)) {
        assertThat(at).as(reference).isInstanceOf(Map.class);
        at = requireNonNull((Map<?, ?>) at).get(step);
      }
      assertThat(at).as(reference).isNotNull();
    }
  }

  private static Set<String> documented() throws Exception {
    var routes = new TreeSet<String>();
    requireNonNull((Map<?, ?>) document().get("paths"))
        .forEach(
            (path, item) ->
                ((Map<?, ?>) item)
                    .keySet().stream()
                        .filter(METHODS::contains)
                        .forEach(method -> routes.add(method + " " + path)));
    return routes;
  }

  private static Set<String> served() throws Exception {
    var vertx = Vertx.vertx();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor();
        var router = new FakeRouter()) {
      var served = new TreeSet<String>();
      var metrics = new MetricsPage();
      var config = HttpConfig.DEFAULT;
      var connections = new Connections(vertx, config, metrics.meters());
      new AdminRoutes(
              router,
              new Operations(router, Clock.systemUTC()),
              metrics,
              new HostPort("127.0.0.1", 1),
              () -> {
                throw new AssertionError("nobody asks");
              },
              new Health(metrics.meters(), threads),
              config,
              connections,
              new Dispatcher(router, threads, connections, config.maxBody()))
          .build(vertx).getRoutes().stream()
              .filter(route -> route.methods() != null)
              .forEach(
                  route ->
                      route
                          .methods()
                          .forEach(
                              method ->
                                  served.add(
                                      method.name().toLowerCase(java.util.Locale.ROOT)
                                          + " "
                                          + requireNonNull(route.getPath())
                                              .replaceAll(":(\\w+)", "{$1}"))));
      return served;
    } finally {
      vertx.close().toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
    }
  }

  private static Set<String> references(Object node, Set<String> found) {
    if (node instanceof Map<?, ?> map) {
      map.forEach(
          (key, value) -> {
            if (key.equals("$ref")) {
              found.add((String) value);
            }
            references(value, found);
          });
    } else if (node instanceof Iterable<?> list) {
      list.forEach(item -> references(item, found));
    }
    return found;
  }

  private static Map<?, ?> document() throws Exception {
    try (var in = AdminRoutes.class.getResourceAsStream("openapi.yaml")) {
      return (Map<?, ?>) new Load(LoadSettings.builder().build()).loadFromInputStream(in);
    }
  }
}
