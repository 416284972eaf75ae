# A blog of one file: what Rails has to know about a proxy.
require "action_controller/railtie"

class Blog < Rails::Application
  config.load_defaults 6.1
  config.eager_load = true
  config.force_ssl = true # Teal says that clients came by https, and replaces what they claim themselves
  config.hosts << "blog.example.com"
  config.secret_key_base = ENV.fetch("SECRET_KEY_BASE")
  config.logger = Logger.new($stdout)
  config.log_level = :warn

  routes.append do
    root to: "pages#home"
    post "/", to: "pages#home"
    get "/up", to: "pages#up"
    get "/where", to: "pages#where"
  end
end

Blog.initialize!

class PagesController < ActionController::Base
  skip_forgery_protection

  def home = render(plain: "version #{ENV["VERSION"]}\n")

  def up = render(plain: "the blog is well\n")

  def where = render(plain: "#{request.url} #{request.remote_ip}\n")
end
