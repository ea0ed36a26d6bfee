-- Health of a ConnectWiseLink in Argo CD.
--
-- Ready=False is Degraded and fails a sync wave immediately. Ready=Unknown is Progressing. A suspended link is
-- Suspended. A status for an earlier generation of the spec is ignored.

local health = { status = "Progressing", message = "Waiting for the operator to check the link" }

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "Being deleted"
end

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Ready" then
    health.message = condition.reason .. ": " .. condition.message
    if obj.metadata.deletionTimestamp == nil then
      if condition.status == "True" then
        health.status = "Healthy"
      elseif condition.status == "False" then
        health.status = "Degraded"
      end
    elseif condition.reason == "DeletionBlocked" then
      health.status = "Degraded"
    end
  end
end

if obj.spec.suspend == true and health.status ~= "Degraded" and obj.metadata.deletionTimestamp == nil then
  health.status = "Suspended"
end

return health
