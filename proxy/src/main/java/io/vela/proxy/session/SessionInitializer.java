package io.vela.proxy.session;

import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.vela.config.AuthConfig;
import io.vela.config.value.BranchName;
import java.util.Optional;

/** Makes a session of each channel that a listener accepts. */
public final class SessionInitializer extends ChannelInitializer<Channel> {
  private final SessionServices services;
  private final Optional<BranchName> defaultBranch;
  private final AuthConfig auth;

  /**
   * @param defaultBranch the listener's, for clients that name none
   * @param auth how the listener's clients may prove who they are
   */
  public SessionInitializer(
      SessionServices services, Optional<BranchName> defaultBranch, AuthConfig auth) {
    this.services = services;
    this.defaultBranch = defaultBranch;
    this.auth = auth;
  }

  @Override
  protected void initChannel(Channel channel) {
    new Admission(new Session(services, channel), defaultBranch, auth).begin();
  }
}
