-- Health of an LLMDeployment for Argo CD, which hands the object over as `obj` and loads no string library.
-- An object being deleted never comes here: Argo CD answers for it.

local function health(status, message)
  return { status = status, message = message }
end

local function told(condition)
  if condition.message == nil or condition.message == "" then
    return condition.reason
  end
  return condition.reason .. ": " .. condition.message
end

local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "The operator has not looked at this generation yet.")
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function is_true(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

local ready = conditions.Ready
if ready == nil then
  return health("Progressing", "The operator has reported nothing yet.")
end
-- Both are somebody's will, and neither serves as the spec says.
if ready.reason == "Paused" or (ready.reason == "ScaledToZero" and is_true("Ready")) then
  return health("Suspended", told(ready))
end
if is_true("Stalled") then
  return health("Degraded", told(conditions.Stalled))
end
if is_true("Reconciling") then
  return health("Progressing", told(conditions.Reconciling))
end
if is_true("Ready") then
  return health("Healthy", told(ready))
end
return health("Progressing", told(ready))
