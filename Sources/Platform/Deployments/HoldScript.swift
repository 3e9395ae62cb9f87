/// What HAProxy does with a request of a deployment that has no replica: it waits for one, in the proxy itself, so that
/// the control plane may be down meanwhile and no byte of the body is read twice.
///
/// `var(txn.hold)` says how it ended where no replica came: `full` (as many are held as may be), `late`, or `moved`
/// where the proxy was reloaded meanwhile. HAProxy 2.6 shows `nbsrv` as 0 in a worker that a reload has replaced, so
/// the statistics are asked. Every 20 ms: held requests are few, and nobody notices 10 ms after a container's start.
let holdScript = """
  local held = {}

  local function has_replica(backend)
    return tonumber(backend:get_stats().act) > 0
  end

  local function is_stopping()
    return tonumber(core.get_info().Stopping) ~= 0
  end

  core.register_action("hold", { "http-req" }, function(txn, name, limit, seconds)
    local backend = core.backends[name]
    if has_replica(backend) then return end
    if (held[name] or 0) >= tonumber(limit) then
      txn:set_var("txn.hold", "full")
      return
    end
    held[name] = (held[name] or 0) + 1
    local deadline = core.now().sec + tonumber(seconds)
    local outcome = nil
    repeat
      if is_stopping() then
        outcome = "moved"
      elseif core.now().sec >= deadline then
        outcome = "late"
      else
        core.msleep(20)
      end
    until outcome or has_replica(backend)
    held[name] = held[name] - 1
    if outcome then txn:set_var("txn.hold", outcome) end
  end, 3)

  core.register_cli({ "show", "held" }, "show held : requests that wait for a replica", function(applet)
    for name, count in pairs(held) do applet:send(name .. " " .. count .. "\\n") end
  end)

  """
