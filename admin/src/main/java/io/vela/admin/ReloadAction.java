package io.vela.admin;

import io.vela.config.ConfigException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;

/** {@code /v1/reload}. */
final class ReloadAction {
  private final Reload reload;

  ReloadAction(Reload reload) {
    this.reload = reload;
  }

  Reply run(Call call) throws ProblemException {
    try {
      var change = reload.run();
      return Reply.ok(
          new JsonObject()
              .put("applied", new JsonArray(change.applied()))
              .put("needRestart", new JsonArray(change.needRestart()))
              .put("problems", new JsonArray(change.problems())));
    } catch (ConfigException e) {
      throw new ProblemException(
          new Problem(
              ProblemType.INVALID_CONFIGURATION,
              e.getMessage(),
              "Nothing has changed; correct the file and reload again."));
    }
  }
}
