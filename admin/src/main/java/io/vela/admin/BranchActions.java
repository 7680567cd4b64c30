package io.vela.admin;

import io.vela.config.MaxBytes;
import io.vela.config.ParkPolicy.OnIdle;
import io.vela.router.Router;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/** {@code /v1/branches}. */
final class BranchActions {
  private final Router router;

  BranchActions(Router router) {
    this.router = router;
  }

  Reply list(Call call) {
    var branches = new JsonArray();
    router.branches().forEach(view -> branches.add(Views.branch(view)));
    return Reply.ok(new JsonObject().put("branches", branches));
  }

  Reply show(Call call) throws Exception {
    return Reply.ok(Views.branch(router.branch(call.branch())));
  }

  Reply create(Call call) throws Exception {
    var name = call.branch();
    var body = call.json("baseline", "suspendAfter", "onIdle", "parkAfter", "maxBytes");
    var view = router.createBranch(name, body.baseline("baseline"), settings(body));
    return Reply.created(Views.branch(view));
  }

  Reply configure(Call call) throws Exception {
    var settings = settings(call.json("suspendAfter", "onIdle", "parkAfter", "maxBytes"));
    return Reply.ok(Views.branch(router.configure(call.branch(), settings)));
  }

  private static Router.BranchSettings settings(Call.Json body) throws ProblemException {
    return new Router.BranchSettings(
        body.duration("suspendAfter"), onIdle(body), body.duration("parkAfter"), maxBytes(body));
  }

  private static Optional<OnIdle> onIdle(Call.Json body) throws ProblemException {
    try {
      return body.text("onIdle").map(OnIdle::parse);
    } catch (IllegalArgumentException e) {
      throw ProblemException.malformed("onIdle: " + e.getMessage());
    }
  }

  private static Optional<MaxBytes> maxBytes(Call.Json body) throws ProblemException {
    try {
      return body.text("maxBytes").map(MaxBytes::parse);
    } catch (IllegalArgumentException e) {
      throw ProblemException.malformed("maxBytes: " + e.getMessage());
    }
  }

  Reply delete(Call call) throws Exception {
    var forced = router.delete(call.branch(), call.flag("force"));
    return forced
        .map(mode -> Reply.ok(new JsonObject().put("stoppedBy", mode.toString())))
        .orElseGet(Reply::noContent);
  }

  Reply suspend(Call call) throws Exception {
    return Reply.ok(Views.branch(router.suspend(call.branch(), call.flag("force"))));
  }

  Reply resume(Call call) throws Exception {
    return Reply.ok(Views.branch(router.resume(call.branch())));
  }

  Reply restart(Call call) throws Exception {
    return Reply.ok(Views.branch(router.restart(call.branch(), call.flag("force"))));
  }

  Reply why(Call call) throws Exception {
    return Reply.ok(Views.why(router.why(call.branch())));
  }

  Reply usage(Call call) throws Exception {
    return Reply.ok(Views.usage(router.usage(call.branch())));
  }
}
