package io.vela.admin;

import io.vela.agent.Source;
import io.vela.config.value.Secret;
import io.vela.router.Router;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/** {@code /v1/baselines} and the operations that imports are. */
final class BaselineActions {
  private final Router router;
  private final Operations operations;

  BaselineActions(Router router, Operations operations) {
    this.router = router;
    this.operations = operations;
  }

  Reply list(Call call) {
    var baselines = new JsonArray();
    router.baselines().forEach(view -> baselines.add(Views.baseline(view)));
    return Reply.ok(new JsonObject().put("baselines", baselines));
  }

  Reply importOne(Call call) throws ProblemException {
    var body = call.json("name", "from", "password");
    var name = body.baseline("name");
    var source = source(body.required("from"), body.text("password").map(Secret::new));
    return Reply.accepted(operations.importBaseline(name, source).toJson());
  }

  Reply operation(Call call) throws ProblemException {
    return Reply.ok(operations.get(call.path("id")).toJson());
  }

  Reply cancel(Call call) throws ProblemException {
    var operation = operations.get(call.path("id"));
    operation.cancel();
    return Reply.accepted(operation.toJson());
  }

  private static Source source(String from, Optional<Secret> password) throws ProblemException {
    try {
      return switch (ImportSource.parse(from)) {
        case Source.Physical physical when password.isPresent() ->
            physical.withPassword(password.get());
        case Source other -> other;
      };
    } catch (IllegalArgumentException e) {
      throw ProblemException.malformed("from: " + e.getMessage());
    }
  }
}
