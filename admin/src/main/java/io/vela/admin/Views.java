package io.vela.admin;

import io.vela.agent.PoolInfo;
import io.vela.agent.Usage;
import io.vela.config.value.Durations;
import io.vela.router.Router;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;

/** The JSON of what the router shows; openapi.yaml describes it. */
final class Views {
  private Views() {}

  static JsonObject branch(Router.BranchView view) {
    var json =
        new JsonObject()
            .put("name", view.name().value())
            .put("id", view.id())
            .put("baseline", view.baseline().value())
            .put("snapshot", view.snapshot())
            .put("state", view.state())
            .put("stateSince", view.stateSince().toString())
            .put("createdAt", view.createdAt().toString())
            .put("suspendAfter", Durations.format(view.suspendAfter()))
            .put("onIdle", view.parking().onIdle().toString())
            .put("maxBytes", view.maxBytes().toString())
            .put("network", view.network().toString())
            .put("sessions", view.sessions())
            .put("parked", view.parked())
            .put("waiting", view.waiting())
            .put("detail", view.detail())
            .put("defaultRole", view.defaultRole())
            .put("defaultDatabase", view.defaultDatabase());
    view.parking().parkAfter().ifPresent(time -> json.put("parkAfter", Durations.format(time)));
    return json;
  }

  static JsonObject session(Router.SessionView view) {
    var json =
        new JsonObject()
            .put("id", view.id())
            .put("branch", view.branch().value())
            .put("description", view.description())
            .put("state", view.state())
            .put("since", view.since().toString());
    view.quietSince().ifPresent(since -> json.put("quietSince", since.toString()));
    view.veto()
        .ifPresent(
            veto ->
                json.put(
                    "veto",
                    new JsonObject().put("reason", veto.reason()).put("detail", veto.detail())));
    return json;
  }

  static JsonObject baseline(Router.BaselineView view) {
    return new JsonObject()
        .put("name", view.name().value())
        .put("snapshot", view.snapshot())
        .put("major", view.major())
        .put("bytes", view.bytes())
        .put("clean", view.clean())
        .put("createdAt", view.createdAt().toString())
        .put("branches", view.branches())
        .put(
            "warm",
            new JsonObject().put("ready", view.warm().ready()).put("wanted", view.warm().wanted()))
        .put("defaultRole", view.defaultRole())
        .put("defaultDatabase", view.defaultDatabase());
  }

  static JsonObject why(Router.Why why) {
    var json =
        new JsonObject()
            .put("name", why.name().value())
            .put("state", why.state())
            .put("summary", why.summary())
            .put("reasons", new JsonArray(why.reasons()))
            .put("network", why.network());
    why.sleepsAt().ifPresent(at -> json.put("sleepsAt", at.toString()));
    why.durability().ifPresent(promise -> json.put("durability", promise));
    return json;
  }

  static JsonObject token(Router.TokenView view) {
    var json =
        new JsonObject()
            .put("id", view.id().value())
            .put("roles", new JsonArray(view.roles()))
            .put(
                "rights",
                new JsonArray(view.rights().stream().map(Object::toString).sorted().toList()))
            .put("createdAt", view.createdAt().toString())
            .put("state", view.state().toString());
    view.branch().ifPresent(name -> json.put("branch", name.value()));
    view.baseline().ifPresent(name -> json.put("baseline", name.value()));
    view.expiresAt().ifPresent(at -> json.put("expiresAt", at.toString()));
    view.revokedAt().ifPresent(at -> json.put("revokedAt", at.toString()));
    return json;
  }

  static JsonObject usage(Usage usage) {
    return new JsonObject()
        .put("totalBytes", usage.totalBytes())
        .put("exclusiveBytes", usage.exclusiveBytes());
  }

  static JsonObject pool(PoolInfo pool, List<Router.Quarantined> quarantined) {
    return new JsonObject()
        .put("driver", pool.driver())
        .put("sharesBlocks", pool.sharesBlocks())
        .put("totalBytes", pool.totalBytes())
        .put("freeBytes", pool.freeBytes())
        .put("note", pool.note())
        .put("writable", pool.health().writable())
        .put("problem", pool.health().problem())
        .put(
            "quarantined",
            new JsonArray(
                quarantined.stream()
                    .map(
                        volume ->
                            new JsonObject()
                                .put("kind", volume.kind().toString())
                                .put("id", volume.id()))
                    .toList()));
  }
}
